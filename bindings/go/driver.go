package knockersqlite

import (
	"database/sql"
	"database/sql/driver"

	"github.com/mattn/go-sqlite3"

	"github.com/knocker-dev/knocker/core"
	"github.com/knocker-dev/knocker/core/extension"
	"github.com/knocker-dev/knocker/core/sqlite"
)

// DriverName is the name of [Driver] for sql.Open.
const DriverName = "sqlite3_knocker"

// Driver is the driver of github.com/mattn/go-sqlite3 whose connections have the
// SQL functions of docs/sql.md. Its connections are that driver's own, and so are
// its fields: Extensions and ConnectHook, which runs before the functions are
// there. Connections that other drivers open stay as they are.
//
// Opening writes nothing: SELECT knocker_bootstrap() or [Attach] makes the
// inbox's tables.
type Driver struct{ sqlite3.SQLiteDriver }

// Open opens a connection.
func (d *Driver) Open(name string) (conn driver.Conn, err error) {
	err = extension.Opened(func() (err error) {
		conn, err = d.SQLiteDriver.Open(name)
		return err
	})
	if err != nil && conn != nil {
		_ = conn.Close()
		conn = nil
	}
	return conn, err
}

// addressFunction answers the address of the connection that calls it: what
// stands between it and database/sql, such as a driver that measures, does not
// matter then.
const addressFunction = "knocker_go_connection"

func init() {
	extension.Add(extension.Function{
		Name: addressFunction, Writes: true,
		Prepare: func(*extension.Arguments) extension.Call {
			return func(c *sqlite.Conn) (any, error) { return int64(c.Handle()), nil }
		},
		Closed: core.ForgetConnection,
	})
	sql.Register(DriverName, &Driver{})
}

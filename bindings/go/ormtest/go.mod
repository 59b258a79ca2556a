module github.com/knocker-dev/knocker/bindings/go/ormtest

go 1.24

require (
	github.com/knocker-dev/knocker/bindings/go v0.0.0
	github.com/mattn/go-sqlite3 v1.14.53
	gorm.io/driver/sqlite v1.6.0
	gorm.io/gorm v1.31.1
)

require (
	github.com/jinzhu/inflection v1.0.0 // indirect
	github.com/jinzhu/now v1.1.5 // indirect
	github.com/knocker-dev/knocker/core v0.0.0 // indirect
	github.com/tidwall/gjson v1.20.1 // indirect
	github.com/tidwall/match v1.1.1 // indirect
	github.com/tidwall/pretty v1.2.0 // indirect
	golang.org/x/text v0.20.0 // indirect
)

replace (
	github.com/knocker-dev/knocker/bindings/go => ..
	github.com/knocker-dev/knocker/core => ../../../core
)

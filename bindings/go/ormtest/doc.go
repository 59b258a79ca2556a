// Package ormtest tests attached inboxes with what applications write their rows
// with: database/sql, sqlc and GORM. It is a module of its own, so that the
// binding needs none of them.
package ormtest

package core

import (
	"reflect"
	"testing"
)

// Every option has the name that users write.
func TestOptionNames(t *testing.T) {
	options := reflect.TypeFor[Options]()
	for i := range options.NumField() {
		if name := options.Field(i).Name; name != "Source" && optionNames[name] == "" {
			t.Errorf("%s has no name in optionNames", name)
		}
	}
}

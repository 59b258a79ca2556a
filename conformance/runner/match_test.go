package runner

import "testing"

// A matcher that lets too much through would let every binding pass.
func TestMatch(t *testing.T) {
	for _, c := range []struct {
		want, got string
		fits      bool
	}{
		{`1`, `1`, true}, {`1`, `1.0`, true}, {`1`, `2`, false}, {`1`, `"1"`, false}, {`1`, `true`, false}, {`null`, `null`, true}, {`null`, `0`, false}, {`null`, `""`, false},
		{`{"a":1}`, `{"a":1,"b":2}`, true}, {`{"a":1}`, `{"b":1}`, false}, {`{"a":null}`, `{}`, false}, {`{}`, `[]`, false},
		{`[1,2]`, `[1,2]`, true}, {`[1]`, `[1,2]`, false}, {`[1,2]`, `[2,1]`, false}, {`[]`, `{}`, false}, {`[]`, `null`, false},
		{`{"$type":"integer"}`, `3`, true}, {`{"$type":"integer"}`, `3.5`, false}, {`{"$type":"number"}`, `3`, true}, {`{"$type":["text","null"]}`, `null`, true}, {`{"$type":"text"}`, `null`, false}, {`{"$type":"list"}`, `{}`, false},
		{`{"$one_of":[1,"a"]}`, `"a"`, true}, {`{"$one_of":[1,"a"]}`, `"b"`, false},
		{`{"$contains":"b"}`, `"abc"`, true}, {`{"$contains":"x"}`, `"abc"`, false}, {`{"$contains":""}`, `null`, false},
		{`{"$between":[1,3]}`, `3`, true}, {`{"$between":[1,3]}`, `4`, false}, {`{"$between":[0,3]}`, `null`, false},
		{`{"$length":2}`, `"žá"`, true}, {`{"$length":2}`, `[1,2]`, true}, {`{"$length":0}`, `null`, false},
		{`{"$utf8":"ab"}`, `"YWI="`, true}, {`{"$utf8":"ab"}`, `"YWM="`, false}, {`{"$utf8":""}`, `null`, false},
		{`{"$sha256":"fb8e20fc2e4c3f248c60c39bd652f3c1347298bb977b8b4d5903b85055620603"}`, `"YWI="`, true}, {`{"$sha256":"00"}`, `"YWI="`, false},
		{`{"a":{"$absent":true}}`, `{}`, true}, {`{"a":{"$absent":true}}`, `{"a":null}`, true}, {`{"a":{"$absent":true}}`, `{"a":""}`, true}, {`{"a":{"$absent":true}}`, `{"a":0}`, false},
	} {
		want, err := Decode([]byte(c.want))
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode([]byte(c.got))
		if err != nil {
			t.Fatal(err)
		}
		if differences := match("", want, got); (len(differences) == 0) != c.fits {
			t.Errorf("%s against %s: %q, expected to fit: %v", c.got, c.want, differences, c.fits)
		}
	}
}

package provider

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"sync"
	"time"
)

// message is what is signed: the raw body with something before and after it.
// The body is never copied.
type message struct {
	prefix []byte
	body   []byte
	suffix []byte
}

// macKey is one secret as a keyed hash. Keying costs two hash blocks, so keyed
// states are kept and reset.
type macKey struct {
	secret Secret
	states sync.Pool
}

func newMACKey(newHash func() hash.Hash, key []byte, secret Secret) *macKey {
	k := &macKey{secret: secret}
	key = append([]byte(nil), key...)
	k.states.New = func() any { return &macState{hash: hmac.New(newHash, key)} }
	return k
}

type macState struct {
	hash hash.Hash
	sum  [sha256.Size]byte
	text [2 * sha256.Size]byte
}

// encoding is how a digest is written in a header.
type encoding int

const (
	lowerHex encoding = iota
	stdBase64
)

// matches reports in constant time whether one of given is the digest of m as
// this encoding writes it. The digest is made once, however many are given.
// Texts are compared, not decoded bytes: base64 and hex have several spellings
// of the same bytes, and only one is ever sent.
func (k *macKey) matches(m *message, enc encoding, given []string) bool {
	state := k.states.Get().(*macState)
	defer k.states.Put(state)
	digest := state.digest(m)
	var text []byte
	if enc == lowerHex {
		text = state.text[:hex.EncodedLen(len(digest))]
		hex.Encode(text, digest)
	} else {
		text = state.text[:base64.StdEncoding.EncodedLen(len(digest))]
		base64.StdEncoding.Encode(text, digest)
	}
	matched := false
	for _, candidate := range given {
		if equalText(text, candidate) {
			matched = true
		}
	}
	return matched
}

// hexDigest makes the digest that an answer to a challenge needs.
func (k *macKey) hexDigest(m *message) string {
	state := k.states.Get().(*macState)
	defer k.states.Put(state)
	return hex.EncodeToString(state.digest(m))
}

// base64Digest is hexDigest in the other encoding.
func (k *macKey) base64Digest(m *message) string {
	state := k.states.Get().(*macState)
	defer k.states.Put(state)
	return base64.StdEncoding.EncodeToString(state.digest(m))
}

func (s *macState) digest(m *message) []byte {
	s.hash.Reset()
	s.hash.Write(m.prefix)
	s.hash.Write(m.body)
	s.hash.Write(m.suffix)
	return s.hash.Sum(s.sum[:0])
}

// equalText compares in constant time without copying given to the heap.
func equalText(want []byte, given string) bool {
	if len(want) != len(given) {
		return false
	}
	var different byte
	for i := range want {
		different |= want[i] ^ given[i]
	}
	return subtle.ConstantTimeByteEq(different, 0) == 1
}

// sameSecret compares a credential in constant time, its length included.
func sameSecret(want []byte, given string) bool {
	a, b := sha256.Sum256(want), sha256.Sum256([]byte(given))
	return len(want) > 0 && subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// wellFormed reports whether given could be a digest of size bytes in this
// encoding, so that a wrong signature and a broken header are told apart.
func (enc encoding) wellFormed(given string, size int) bool {
	if enc == lowerHex {
		if len(given) != 2*size {
			return false
		}
		for i := 0; i < len(given); i++ {
			if !isHex(given[i]) {
				return false
			}
		}
		return true
	}
	if len(given) != base64.StdEncoding.EncodedLen(size) {
		return false
	}
	padding := (3 - size%3) % 3
	for i := 0; i < len(given)-padding; i++ {
		if !isBase64(given[i]) {
			return false
		}
	}
	return given[len(given)-padding:] == "=="[:padding]
}

func isBase64(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/'
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// liveKeys reports whether any key may still verify.
func liveKeys(keys []*macKey, now time.Time) bool {
	for _, k := range keys {
		if k.secret.live(now) {
			return true
		}
	}
	return false
}

// anyMatches tries every key that has not expired on every given digest.
func anyMatches(keys []*macKey, now time.Time, m *message, enc encoding, given ...string) bool {
	for _, k := range keys {
		if k.secret.live(now) && k.matches(m, enc, given) {
			return true
		}
	}
	return false
}

// algorithm is a hash with its digest size.
type algorithm struct {
	new  func() hash.Hash
	size int
}

var (
	useSHA256 = algorithm{sha256.New, sha256.Size}
	useSHA1   = algorithm{sha1.New, sha1.Size}
)

func macKeys(secrets []Secret, algo algorithm, derive func([]byte) ([]byte, error)) ([]*macKey, error) {
	keys := make([]*macKey, len(secrets))
	for i, secret := range secrets {
		key := secret.Value
		if derive != nil {
			var err error
			if key, err = derive(key); err != nil {
				return nil, InvalidSecret(i+1, len(secrets), err.Error())
			}
		}
		keys[i] = newMACKey(algo.new, key, secret)
	}
	return keys, nil
}

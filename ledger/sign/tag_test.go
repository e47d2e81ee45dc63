package sign

import (
	"crypto/sha256"
	"strings"
	"testing"
)

var allTags = []Tag{TagKeyID, TagItemID, TagPartyID, TagRaftCluster, TagCommitment, TagBatch}

func TestTagsAreApart(t *testing.T) {
	for i, tag := range allTags {
		if !strings.HasPrefix(string(tag), "custody/") || !strings.HasSuffix(string(tag), "\n") || strings.Count(string(tag), "\n") != 1 {
			t.Errorf("%q has not the form of a tag", tag)
		}
		for j, other := range allTags {
			if i != j && strings.HasPrefix(string(tag), string(other)) {
				t.Errorf("%q begins with %q", tag, other)
			}
		}
		if strings.HasPrefix(string(PAE(EventPayloadType, nil)), string(tag)) {
			t.Errorf("an event begins with %q", tag)
		}
	}
}

func TestTagSum(t *testing.T) {
	if got, want := TagItemID.Sum([]byte("ab"), nil, []byte("c")), sha256.Sum256([]byte("custody/item-id/v1\nabc")); got != want {
		t.Errorf("%x, want %x", got, want)
	}
}

func TestPAE(t *testing.T) {
	for _, c := range []struct{ payloadType, payload, want string }{
		// The example of the DSSE specification.
		{"http://example.com/HelloWorld", "hello world", "DSSEv1 29 http://example.com/HelloWorld 11 hello world"},
		{"", "", "DSSEv1 0  0 "},
		{"a", " 1 ", "DSSEv1 1 a 3  1 "},
		{"ü", "ü", "DSSEv1 2 ü 2 ü"},
		{EventPayloadType, "\x00\n", "DSSEv1 41 application/vnd.custody.event.v1+protobuf 2 \x00\n"},
	} {
		if got := string(PAE(c.payloadType, []byte(c.payload))); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
		if got := string(AppendPAE([]byte("before"), c.payloadType, []byte(c.payload))); got != "before"+c.want {
			t.Errorf("appended: %q", got)
		}
	}
}

// Package words holds the words that people read and type: names of the
// ledger's choices, times, and one sentence for every reason of a refusal.
package words

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// Enum is a choice of the ledger's protocol.
type Enum interface {
	~int32
	protoreflect.Enum
}

// Of gives the word for a choice: NATURE_LAB_GROWN reads lab-grown. A number
// that this program does not know reads as the number, the zero value as "".
func Of(choice protoreflect.Enum) string {
	if choice.Number() == 0 {
		return ""
	}
	return OfNumber(choice.Descriptor(), choice.Number())
}

// OfNumber is Of for a number of a choice.
func OfNumber(choice protoreflect.EnumDescriptor, number protoreflect.EnumNumber) string {
	value := choice.Values().ByNumber(number)
	if value == nil {
		return fmt.Sprintf("%d", number)
	}
	return word(choice, value)
}

// Parse finds the choice for a word that Of writes; case, spaces and
// underscores for hyphens are forgiven. The error lists the words.
func Parse[E Enum](text string) (E, error) {
	var zero E
	wanted := strings.NewReplacer(" ", "-", "_", "-").Replace(strings.ToLower(text))
	values := zero.Descriptor().Values()
	for i := range values.Len() {
		if value := values.Get(i); value.Number() != 0 && word(zero.Descriptor(), value) == wanted {
			return E(value.Number()), nil
		}
	}
	return zero, fmt.Errorf("%.40q is not one of %s", text, strings.Join(All[E](), ", "))
}

// All lists the words of a choice in the order of their numbers.
func All[E Enum]() []string {
	var zero E
	var all []string
	values := zero.Descriptor().Values()
	for i := range values.Len() {
		if value := values.Get(i); value.Number() != 0 {
			all = append(all, word(zero.Descriptor(), value))
		}
	}
	return all
}

// word takes off the prefix that the values of an enum share, as in
// NATURE_UNSPECIFIED.
func word(enum protoreflect.EnumDescriptor, value protoreflect.EnumValueDescriptor) string {
	prefix := strings.TrimSuffix(string(enum.Values().ByNumber(0).Name()), "UNSPECIFIED")
	return strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(string(value.Name()), prefix)), "_", "-")
}

// Time writes unix milliseconds in UTC, to the second.
func Time(ms uint64) string {
	return time.UnixMilli(int64(ms)).UTC().Format("2006-01-02 15:04:05 UTC")
}

// List writes words as a person lists them: a, b and c.
func List(items []string, conjunction string) string {
	if len(items) < 2 {
		return strings.Join(items, "")
	}
	last := len(items) - 1
	return strings.Join(slices.Clone(items[:last]), ", ") + " " + conjunction + " " + items[last]
}

package journal

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/custodyledger/custodyledger/cmd/custody/words"
	"github.com/custodyledger/custodyledger/ledger"
)

// Openings is a file of the salts and private values that the party's events
// commit to, one JSON object a line. Without it nobody, the party included, can
// show what an event hides. It is readable by its owner only, and only grows:
// it may hold openings of events that were never recorded.
type Openings struct {
	file *os.File
	w    *bufio.Writer
}

// opening is one line.
type opening struct {
	Event string `json:"event"`
	Item  string `json:"item"`
	Field string `json:"field"`
	Salt  string `json:"salt"`
	Value string `json:"value"`
}

// OpenOpenings opens the file and makes it if it is not there.
func OpenOpenings(path string) (*Openings, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the file of private values: %w", err)
	}
	o := &Openings{file: file, w: bufio.NewWriter(file)}
	if err := o.endLine(); err != nil {
		return nil, errors.Join(fmt.Errorf("private values %s: %w", path, err), file.Close())
	}
	return o, nil
}

// endLine ends a last line that a crash cut short, so that it spoils no other.
func (o *Openings) endLine() error {
	info, err := o.file.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	var last [1]byte
	if _, err := o.file.ReadAt(last[:], info.Size()-1); err != nil {
		return err
	}
	if last[0] != '\n' {
		return o.w.WriteByte('\n')
	}
	return nil
}

// Add notes the openings of an event on an item. Sync puts them on disk, which
// must come before the event is sent.
func (o *Openings) Add(event ledger.EventID, item ledger.ItemID, openings ...ledger.Opening) error {
	for _, private := range openings {
		b, err := json.Marshal(opening{
			Event: event.String(),
			Item:  item.String(),
			Field: words.Of(private.Field),
			Salt:  hex.EncodeToString(private.Salt[:]),
			Value: private.Value,
		})
		if err == nil {
			_, err = o.w.Write(append(b, '\n'))
		}
		if err != nil {
			return fmt.Errorf("write the file of private values: %w", err)
		}
	}
	return nil
}

// Sync puts everything noted on disk.
func (o *Openings) Sync() error {
	if err := errors.Join(o.w.Flush(), o.file.Sync()); err != nil {
		return fmt.Errorf("write the file of private values: %w", err)
	}
	return nil
}

// Close puts everything noted on disk and closes the file.
func (o *Openings) Close() error { return errors.Join(o.Sync(), o.file.Close()) }

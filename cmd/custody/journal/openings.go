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
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
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

// FindOpening finds what the file at path holds for a private field of an event.
func FindOpening(path string, event ledger.EventID, field custodyv1.PrivateField) (ledger.Opening, error) {
	file, err := os.Open(path)
	if err != nil {
		return ledger.Opening{}, fmt.Errorf("open the file of private values: %w", err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var line opening
		if json.Unmarshal(lines.Bytes(), &line) != nil || line.Event != event.String() || line.Field != words.Of(field) {
			continue // a line that a crash cut short holds nothing that was sent
		}
		salt, err := hex.DecodeString(line.Salt)
		if err != nil || len(salt) != len(ledger.Opening{}.Salt) {
			return ledger.Opening{}, fmt.Errorf("%s: the salt of event %s is damaged", path, event)
		}
		return ledger.Opening{Field: field, Salt: [32]byte(salt), Value: line.Value}, nil
	}
	if err := lines.Err(); err != nil {
		return ledger.Opening{}, fmt.Errorf("read the file of private values: %w", err)
	}
	return ledger.Opening{}, fmt.Errorf("%s holds no %s of event %s", path, words.Of(field), event)
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

package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// envelope is what a small state file holds: the content with its digest.
type envelope struct {
	Version int             `json:"version"`
	SHA256  string          `json:"sha256"`
	Content json.RawMessage `json:"content"`
}

// seal writes a value as a state file: the same value gives the same bytes.
func seal(value any) ([]byte, error) {
	content, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(envelope{Version, digest(content), content}, "", "  ")
	return append(text, '\n'), err
}

// unseal reads a state file into a value. Not an octet may differ from what seal wrote.
func unseal(text []byte, value any) error {
	e := envelope{}
	if err := json.Unmarshal(text, &e); err != nil {
		return err
	}
	if e.Version != Version {
		return fmt.Errorf("version %d, want %d", e.Version, Version)
	}
	if again, err := seal(e.Content); err != nil || !bytes.Equal(again, text) {
		return errors.Join(errors.New("the content is not what was written"), err)
	}
	return json.Unmarshal(e.Content, value)
}

// saveSealed seals a value into a file.
func saveSealed(name string, value any) error {
	text, err := seal(value)
	if err != nil {
		return err
	}
	return replace(name, text)
}

// openSealed reads a sealed file: fs.ErrNotExist when there is none, a *DamagedError when it is not as it was written.
func openSealed(name string, value any) error {
	text, err := read(name)
	if err != nil {
		return err
	}
	if err := unseal(text, value); err != nil {
		return setAside(name, err)
	}
	return nil
}

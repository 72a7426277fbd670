package outside

import (
	"errors"
	"fmt"
	"io"

	"github.com/airgap-ferry/ferry/delta"
	"github.com/airgap-ferry/ferry/delta/recipe"
	"github.com/airgap-ferry/ferry/internal/scratch"
	"github.com/airgap-ferry/ferry/report"
)

// An openedBlob is a blob without its compression.
type openedBlob struct {
	recipe *recipe.Recipe // how to compress it again
	text   *scratch.File
	table  *delta.Table
}

// openBlob opens the compression of a blob. If nobody could compress it again
// to the same bytes it returns nil and why; err is about this machine.
func openBlob(dir *scratch.Dir, blob io.ReaderAt, size int64) (opened *openedBlob, why string, err error) {
	text, err := dir.Create()
	if err != nil {
		return nil, "", err
	}
	w := &textWriter{w: io.NewOffsetWriter(text, 0)}
	how, err := recipe.Find(blob, size, recipe.Options{Plain: w, Corrected: true})
	if errors.Is(err, recipe.ErrNotCompressed) { // nothing was written so far
		how, err = recipe.Find(blob, size, recipe.Options{Plain: w, Frame: recipe.Stored})
	}
	if w.err != nil {
		return nil, "", errors.Join(w.err, text.Close())
	}
	if err != nil {
		return nil, whyNoRecipe(err), text.Close()
	}
	table, err := delta.Walk(io.NewSectionReader(text, 0, how.PlainSize()))
	if err != nil {
		return nil, "", errors.Join(err, text.Close())
	}
	return &openedBlob{how, text, table}, "", nil
}

// whyNoRecipe says why a blob can't be compressed again to the same bytes.
func whyNoRecipe(err error) string {
	switch {
	case errors.Is(err, recipe.ErrUnknownEncoder):
		return "no recipe: unknown encoder"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "no recipe: compressed data ends early"
	}
	return fmt.Sprintf("no recipe: %.100s", err)
}

// rungOf returns the lowest rung that any part of a blob stands on.
func rungOf(r *recipe.Recipe) string {
	rung := report.RungRecipe
	for _, g := range r.Groups {
		switch {
		case g.Encoder == recipe.Tokens:
			return report.RungTokens
		case g.Fix != nil:
			rung = report.RungNear
		}
	}
	return rung
}

// A textWriter remembers that it could not write, which is not the fault of
// what was to be written.
type textWriter struct {
	w   io.Writer
	err error
}

func (w *textWriter) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	if err != nil && w.err == nil {
		w.err = err
	}
	return n, err
}

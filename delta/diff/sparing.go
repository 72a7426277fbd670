package diff

import "slices"

// A File is a file that can be read more than once.
type File struct {
	Size int
	Read func(b []byte) error // fills b, which is as long as the file
}

// Lesser density of the index of large bases.
const (
	largeBase   = 48 << 20
	largeStride = 16
)

// DiffSparing is [Differ.Diff] for large files: it holds three files in memory at a
// time, where Diff holds five, and keeps nothing afterwards. The patch may
// be a little larger.
func (d *Differ) DiffSparing(s *Streams, base, target File, o Options) error {
	if base.Size > MaxSize || target.Size > MaxSize {
		panic("diff: internal error: file too long")
	}
	if o.Stride == 0 && base.Size > largeBase {
		o.Stride = largeStride
	}
	size := max(base.Size, target.Size)
	x, y := make([]byte, size), make([]byte, size)
	b, t := x[:base.Size], y[:target.Size]
	if err := base.Read(b); err != nil {
		return err
	}
	if err := target.Read(t); err != nil {
		return err
	}
	kind := kindPlain
	if !o.Plain {
		kind = kindOf(b, t)
	}
	var spare Differ
	if kind == kindPlain {
		spare.match(b, t, o)
	} else {
		// Each file gives way to the normal form of the other, or of itself.
		var n normal
		nb := n.make(make([]byte, 0, size), b)
		n = normal{}
		nt := n.make(x[:0], t)
		n = normal{}
		spare.match(nb, nt, o)
		spare.index = index{}
		b, t, spare.out = nb[:base.Size], y[:target.Size], nt[:0]
		if err := base.Read(b); err != nil {
			return err
		}
	}
	spare.index = index{}
	spare.ops = slices.Clip(spare.ops)
	spare.finish(s, kind, b, t)
	return nil
}

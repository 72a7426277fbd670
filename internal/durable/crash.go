package durable

import (
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// sectorSize is what a disk writes whole or not at all.
const sectorSize = 512 // bytes

// A CrashFS is a file system in memory that can lose power, for tests. A
// file's bytes are durable when it is synced, and its name is when its
// directory is: neither brings the other with it. "/" and "." are the same
// directory and are there from the start. It is safe for concurrent use.
//
// A test of a killed process needs no crash: it goes on with the same FS.
type CrashFS struct {
	mu      sync.Mutex // guards all nodes as well
	root    *node
	pending []change // to names, in order, since they were last synced
}

// A node is a file or a directory, as written and as it would be found after
// a power cut.
type node struct {
	dir      bool
	perm     fs.FileMode
	data     []byte
	synced   []byte
	children map[string]*node
	durable  map[string]*node
}

// A change is one step of a file system's journal: it sets names, to nil if
// they go.
type change []entry

type entry struct {
	dir  *node
	name string
	node *node
}

// NewCrash returns an empty CrashFS.
func NewCrash() *CrashFS { return &CrashFS{root: newDir(0o755)} }

func newDir(perm fs.FileMode) *node {
	return &node{dir: true, perm: perm, children: map[string]*node{}, durable: map[string]*node{}}
}

// Crash returns the file system as it is after a power cut in which all that
// was not synced is lost.
func (c *CrashFS) Crash() *CrashFS { return c.cut(nil) }

// CrashTorn is as Crash, but of the changes to names that were not synced the
// first few have arrived, and of the bytes that were not synced some sectors.
// Which ones is drawn from r.
func (c *CrashFS) CrashTorn(r *rand.Rand) *CrashFS { return c.cut(r) }

func (c *CrashFS) cut(r *rand.Rand) *CrashFS {
	c.mu.Lock()
	defer c.mu.Unlock()
	after := cutter{r: r, names: map[*node]map[string]*node{}, done: map[*node]*node{}}
	if r != nil {
		for _, ch := range c.pending[:r.IntN(len(c.pending)+1)] {
			after.apply(ch)
		}
	}
	return &CrashFS{root: after.copy(c.root)}
}

// A cutter copies the durable part of a tree.
type cutter struct {
	r     *rand.Rand
	names map[*node]map[string]*node // durable names of directories that changed
	done  map[*node]*node
}

func (k *cutter) apply(ch change) {
	for _, e := range ch {
		if k.names[e.dir] == nil {
			k.names[e.dir] = maps.Clone(e.dir.durable)
		}
		setName(k.names[e.dir], e.name, e.node)
	}
}

func (k *cutter) copy(n *node) *node {
	if m := k.done[n]; m != nil {
		return m // a second link
	}
	m := &node{dir: n.dir, perm: n.perm}
	k.done[n] = m
	if !n.dir {
		m.data = k.tear(n)
		m.synced = slices.Clone(m.data)
		return m
	}
	names, ok := k.names[n]
	if !ok {
		names = n.durable
	}
	m.children, m.durable = map[string]*node{}, map[string]*node{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		m.children[name] = k.copy(names[name])
		m.durable[name] = m.children[name]
	}
	return m
}

// tear returns what a power cut leaves of the bytes of a file.
func (k *cutter) tear(n *node) []byte {
	if k.r == nil {
		return slices.Clone(n.synced)
	}
	size := len(n.synced)
	if k.r.IntN(2) == 0 {
		size = len(n.data)
	}
	b := make([]byte, size)
	copy(b, n.synced)
	for off := 0; off < size; off += sectorSize {
		if end := min(off+sectorSize, len(n.data)); k.r.IntN(2) == 0 && off < end {
			copy(b[off:], n.data[off:end])
		}
	}
	return b
}

// change sets names now, and notes them as not yet durable.
func (c *CrashFS) change(ch change) {
	for _, e := range ch {
		setName(e.dir.children, e.name, e.node)
	}
	c.pending = append(c.pending, ch)
}

func setName(names map[string]*node, name string, n *node) {
	if n == nil {
		delete(names, name)
	} else {
		names[name] = n
	}
}

// find returns the node called name, or nil.
func (c *CrashFS) find(name string) *node {
	n := c.root
	for part := range strings.SplitSeq(filepath.ToSlash(filepath.Clean(name)), "/") {
		if part == "" || part == "." {
			continue
		}
		if n == nil || !n.dir {
			return nil
		}
		n = n.children[part]
	}
	return n
}

// parent returns the directory of name, which must exist, and the last
// element of name.
func (c *CrashFS) parent(op, name string) (*node, string, error) {
	dir, base := filepath.Split(filepath.Clean(name))
	n := c.find(dir)
	if n == nil || !n.dir {
		return nil, "", &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	return n, base, nil
}

// OpenFile implements [FS].
func (c *CrashFS) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	dir, base, err := c.parent("open", name)
	if err != nil {
		return nil, err
	}
	n := c.find(name)
	writable := flag&(os.O_WRONLY|os.O_RDWR) != 0
	switch {
	case n == nil && flag&os.O_CREATE == 0:
		err = fs.ErrNotExist
	case n == nil:
		n = &node{perm: perm}
		c.change(change{{dir, base, n}})
	case flag&os.O_EXCL != 0:
		err = fs.ErrExist
	case n.dir && writable:
		err = fs.ErrInvalid
	case flag&os.O_TRUNC != 0:
		n.data = nil
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return &crashFile{fsys: c, node: n, name: name, writable: writable, appends: flag&os.O_APPEND != 0}, nil
}

// Rename implements [FS].
func (c *CrashFS) Rename(oldname, newname string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	from, oldbase, err := c.parent("rename", oldname)
	if err != nil {
		return err
	}
	to, newbase, err := c.parent("rename", newname)
	if err != nil {
		return err
	}
	n, there := from.children[oldbase], to.children[newbase]
	if n == nil {
		return &fs.PathError{Op: "rename", Path: oldname, Err: fs.ErrNotExist}
	}
	if there != nil && (there.dir || n.dir) {
		return &fs.PathError{Op: "rename", Path: newname, Err: fs.ErrExist}
	}
	if there == n {
		return nil // two links to one file: POSIX leaves both
	}
	c.change(change{{from, oldbase, nil}, {to, newbase, n}})
	return nil
}

// Link implements [FS].
func (c *CrashFS) Link(oldname, newname string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.find(oldname)
	to, base, err := c.parent("link", newname)
	if err != nil {
		return err
	}
	if n == nil || n.dir {
		return &fs.PathError{Op: "link", Path: oldname, Err: fs.ErrNotExist}
	}
	if to.children[base] != nil {
		return &fs.PathError{Op: "link", Path: newname, Err: fs.ErrExist}
	}
	c.change(change{{to, base, n}})
	return nil
}

// Remove implements [FS].
func (c *CrashFS) Remove(name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	dir, base, err := c.parent("remove", name)
	if err != nil {
		return err
	}
	n := dir.children[base]
	if n == nil {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	if len(n.children) > 0 {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrExist}
	}
	c.change(change{{dir, base, nil}})
	return nil
}

// RemoveAll implements [FS].
func (c *CrashFS) RemoveAll(name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.find(name) != nil {
		c.removeTree(c.find(filepath.Dir(name)), filepath.Base(name))
		return nil
	}
	for dir := filepath.Dir(name); ; dir = filepath.Dir(dir) {
		if n := c.find(dir); n != nil && n.dir {
			return nil
		} else if n != nil {
			return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrInvalid} // below a file
		}
	}
}

func (c *CrashFS) removeTree(dir *node, base string) {
	n := dir.children[base]
	for _, name := range slices.Sorted(maps.Keys(n.children)) {
		c.removeTree(n, name)
	}
	c.change(change{{dir, base, nil}})
}

// Mkdir implements [FS].
func (c *CrashFS) Mkdir(name string, perm fs.FileMode) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	dir, base, err := c.parent("mkdir", name)
	if err != nil {
		return err
	}
	if dir.children[base] != nil {
		return &fs.PathError{Op: "mkdir", Path: name, Err: fs.ErrExist}
	}
	c.change(change{{dir, base, newDir(perm)}})
	return nil
}

// Stat implements [FS].
func (c *CrashFS) Stat(name string) (fs.FileInfo, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.find(name)
	if n == nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	}
	return n.info(filepath.Base(name)), nil
}

// ReadDir implements [FS].
func (c *CrashFS) ReadDir(name string) ([]fs.DirEntry, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.find(name)
	if n == nil || !n.dir {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrNotExist}
	}
	var entries []fs.DirEntry
	for _, base := range slices.Sorted(maps.Keys(n.children)) {
		entries = append(entries, fs.FileInfoToDirEntry(n.children[base].info(base)))
	}
	return entries, nil
}

// SyncDir implements [FS].
func (c *CrashFS) SyncDir(name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.find(name)
	if n == nil || !n.dir {
		return &fs.PathError{Op: "syncdir", Path: name, Err: fs.ErrNotExist}
	}
	n.durable = maps.Clone(n.children)
	var pending []change
	for _, ch := range c.pending {
		ch = slices.DeleteFunc(ch, func(e entry) bool { return e.dir == n })
		if len(ch) > 0 {
			pending = append(pending, ch)
		}
	}
	c.pending = pending
	return nil
}

func (n *node) info(name string) fs.FileInfo {
	return nodeInfo{name: name, size: int64(len(n.data)), mode: n.mode()}
}

func (n *node) mode() fs.FileMode {
	if n.dir {
		return n.perm | fs.ModeDir
	}
	return n.perm
}

// A nodeInfo is a snapshot: it may be read without the lock.
type nodeInfo struct {
	name string
	size int64
	mode fs.FileMode
}

func (i nodeInfo) Name() string       { return i.name }
func (i nodeInfo) Size() int64        { return i.size }
func (i nodeInfo) Mode() fs.FileMode  { return i.mode }
func (i nodeInfo) ModTime() time.Time { return time.Time{} }
func (i nodeInfo) IsDir() bool        { return i.mode.IsDir() }
func (i nodeInfo) Sys() any           { return nil }

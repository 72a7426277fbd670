package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
)

// A harm changes a ledger by hand.
type harm func(t *testing.T, tx *tx)

// bucketAt returns the bucket at the end of a path of buckets.
func bucketAt(t *testing.T, tx *tx, path ...string) *bbolt.Bucket {
	t.Helper()
	b := tx.Bucket([]byte(path[0]))
	for _, name := range path[1:] {
		b = b.Bucket([]byte(name))
	}
	if b == nil {
		t.Fatalf("no bucket %q", path)
	}
	return b
}

// edit changes fields of a record that is JSON.
func edit(key []byte, fields map[string]any, path ...string) harm {
	return func(t *testing.T, tx *tx) {
		t.Helper()
		b := bucketAt(t, tx, path...)
		record := map[string]any{}
		must(t, json.Unmarshal(b.Get(key), &record))
		for k, v := range fields {
			record[k] = v
		}
		raw, err := json.Marshal(record)
		must(t, err)
		must(t, b.Put(key, raw))
	}
}

func put(key, value []byte, path ...string) harm {
	return func(t *testing.T, tx *tx) {
		t.Helper()
		must(t, bucketAt(t, tx, path...).Put(key, value))
	}
}

func del(key []byte, path ...string) harm {
	return func(t *testing.T, tx *tx) {
		t.Helper()
		b := bucketAt(t, tx, path...)
		if b.Get(key) == nil {
			t.Fatalf("%x is not there", key)
		}
		must(t, b.Delete(key))
	}
}

func delBucket(path ...string) harm {
	return func(t *testing.T, tx *tx) {
		t.Helper()
		last := len(path) - 1
		if last == 0 {
			must(t, tx.DeleteBucket([]byte(path[0])))
		} else {
			must(t, bucketAt(t, tx, path[:last]...).DeleteBucket([]byte(path[last])))
		}
	}
}

func key(name string) []byte {
	sum := digest(name).Sum()
	return sum[:]
}

func carriers(c ...Carrier) []byte { return Holding{Blob{Size: 101}, c}.encode() }

type harmTest struct {
	name string
	harm harm
	want string
}

// testHarm does each harm to a good ledger and wants Check to say so.
func testHarm(t *testing.T, tests []harmTest, setup func(t *testing.T) side) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := setup(t)
			if err := l.check(); err != nil {
				t.Fatalf("before any harm: %v", err)
			}
			must(t, l.f.update(func(tx *tx) error {
				tt.harm(t, tx)
				tx.wrote = true
				return nil
			}))
			if err := l.check(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Check = %v, want an error with %q", err, tt.want)
			}
		})
	}
}

// A check that cannot fail proves nothing, so break each invariant by hand.
func TestOutsideCheckFindsHarm(t *testing.T) {
	north := []string{"sites", "north"}
	in := func(name string) []string { return []string{"sites", "north", name} }
	one := release("app", "1")
	one.Epoch, one.Seq = 1, 1
	testHarm(t, []harmTest{
		{"gap", del(shipmentKey(1, 2), in("shipments")...), "shipment 1.3 found where 1.2 belongs"},
		{"last gone", del(shipmentKey(1, 4), in("shipments")...), "the last shipment is 1.3, but the next seq is 5"},
		{"next seq", edit(keySite, map[string]any{"next_seq": 9}, north...), "the next seq is 9"},
		{"planned before", edit(shipmentKey(1, 3), map[string]any{"state": "planned", "statement": ""}, in("shipments")...), "is planned, but not the last"},
		{"sealed before", edit(shipmentKey(1, 3), map[string]any{"state": "sealed"}, in("shipments")...), "is sealed, but not the last"},
		{"no statement", edit(shipmentKey(1, 3), map[string]any{"statement": ""}, in("shipments")...), "it is shipped, and has no statement"},
		{"statement too early", edit(shipmentKey(1, 4), map[string]any{"statement": statement(4)}, in("shipments")...), "it is planned, and has a statement"},
		{"unknown state", edit(shipmentKey(1, 3), map[string]any{"state": "gone"}, in("shipments")...), `state "gone"`},
		{"unknown field", edit(shipmentKey(1, 3), map[string]any{"new": 1}, in("shipments")...), "unknown field"},
		{"not JSON", put(shipmentKey(1, 3), []byte("{"), in("shipments")...), "ledger is damaged"},
		{"prev", edit(shipmentKey(1, 3), map[string]any{"prev": statement(1)}, in("shipments")...), "shipment 1.3: prev is"},
		{"other key", edit(shipmentKey(1, 3), map[string]any{"seq": 7}, in("shipments")...), `shipment 1.3: its record is of "north" 1.7`},
		{"short key", put([]byte("x"), []byte("{}"), in("shipments")...), "78 is not an epoch and a seq"},
		{"head", edit(keySite, map[string]any{"head": statement(2)}, north...), "head is"},
		{"head no digest", edit(keySite, map[string]any{"head": "x"}, north...), "head: digest"},
		{"acked too far", edit(keySite, map[string]any{"acked": 3}, north...), "shipment 1.3 is shipped, but a receipt speaks of it"},
		{"acked too little", edit(keySite, map[string]any{"acked": 0}, north...), "shipment 1.1 is acknowledged, but no receipt speaks of it"},
		{"acked beyond", edit(keySite, map[string]any{"acked": 5}, north...), "acknowledged seq 5 can't be"},
		{"epoch", edit(keySite, map[string]any{"epoch": 2}, north...), "but the site is in epoch 2"},
		{"epoch back", edit(keySite, map[string]any{"epoch": 0}, north...), "epoch 0, next seq 5"},
		{"other site", edit(keySite, map[string]any{"name": "south"}, north...), `its record is of site "south"`},
		{"no record", del(keySite, north...), "no record of the site"},
		{"site key", edit(keySite, map[string]any{"key": "x"}, north...), "key: digest"},
		{"holding of a lost one", put(key("x"), carriers(Carrier{1, 2}), in("holdings")...), `held by shipment 1.2, which is "lost"`},
		{"holding of nothing", put(key("x"), carriers(Carrier{1, 9}), in("holdings")...), `held by shipment 1.9, which is ""`},
		{"holding of a plan", put(key("x"), carriers(Carrier{1, 4}), in("holdings")...), `held by shipment 1.4, which is "planned"`},
		{"holding lost", del(key("a"), in("holdings")...), "shipment 1.1 brought 2 entries, 1 holdings name it"},
		{"holding invented", put(key("x"), carriers(Carrier{1, 3}), in("holdings")...), "shipment 1.3 brought 2 entries, 3 holdings name it"},
		{"no carrier", put(key("a"), carriers(), in("holdings")...), "is not a list of carriers"},
		{"carriers not in order", put(key("a"), carriers(Carrier{1, 3}, Carrier{1, 1}), in("holdings")...), "carriers are not ascending"},
		{"carrier twice", put(key("a"), carriers(Carrier{1, 1}, Carrier{1, 1}), in("holdings")...), "carriers are not ascending"},
		{"no size", put(key("a"), []byte{1}, in("holdings")...), "has no size"},
		{"no digest", put([]byte("a"), carriers(Carrier{1, 1}), in("holdings")...), "is not a digest"},
		{"release lost", del(one.key(), in("releases")...), "shipment 1.1: its releases are not those on record"},
		{"release of a plan", func(t *testing.T, tx *tx) {
			t.Helper()
			four := release("app", "4")
			four.Epoch, four.Seq = 1, 4
			must(t, tx.putRelease(bucketAt(t, tx, in("releases")...), four))
		}, `is of shipment 1.4, which is "planned"`},
		{"release renamed", edit(one.key(), map[string]any{"name": "db"}, in("releases")...), `is kept as "app`},
		{"release of other bytes", edit(one.key(), map[string]any{"manifest": digest("x")}, in("releases")...), "its releases are not those on record"},
		{"release unresolved", edit(one.key(), map[string]any{"resolved": ""}, in("releases")...), `release "app": digest`},
		{"no holdings", delBucket(in("holdings")...), `no bucket "holdings"`},
		{"no sites", delBucket("sites"), `no bucket "sites"`},
		{"manifest", put(key("m"), []byte{0, 1, 'x', 0, 0, 0, 1, 'y'}, "manifests"), "manifest has digest"},
		{"manifest cut", put(key("m"), []byte{0, 9, 'x'}, "manifests"), "manifest is cut short"},
		{"manifest size", put(key("m"), []byte{0, 1, 'x', 0, 0, 0, 9, 'm'}, "manifests"), "manifest has 1 bytes, want 9"},
		{"manifest kind", put(key("m"), []byte{7, 1, 'x', 0, 0, 0, 1, 'm'}, "manifests"), "unknown way 7"},
		{"manifest packed", put(key("m"), []byte{1, 1, 'x', 0, 0, 0, 1, 'm'}, "manifests"), "manifest " + string(digest("m"))[7:20]},
		{"no manifests", delBucket("manifests"), `no bucket "manifests"`},
	}, func(t *testing.T) side {
		t.Helper()
		o := newOutside(t)
		ship(t, o, 1, "a", "b")
		ship(t, o, 2, "b", "c")
		ship(t, o, 3, "b", "d")
		must(t, o.Acknowledge("north", 1, statement(1)))
		must(t, o.Lose("north", 2))
		_, err := o.Plan("north", shipment(4))
		must(t, err)
		must(t, o.PutManifests(manifests("m")))
		return side{o.f, o.Check}
	})
}

func TestInsideCheckFindsHarm(t *testing.T) {
	two := release("app", "2")
	two.Epoch, two.Seq = 1, 2
	held := func(ids ...uint32) []byte { return appendIDs(appendNumber(nil, 101), ids) }
	testHarm(t, []harmTest{
		{"head back", edit(keyHead, map[string]any{"seq": 1}, "meta"), "the last bundle imported is 1.2"},
		{"head forked", edit(keyHead, map[string]any{"statement": statement(9)}, "meta"), "head is 1.2 " + string(statement(9))},
		{"head gone", del(keyHead, "meta"), `no record "head"`},
		{"floor", edit(keyHead, map[string]any{"floor": at(1)}, "meta"), "after the floor"},
		{"site", edit(keySite, map[string]any{"site": "No"}, "meta"), `site is called "No"`},
		{"site key", edit(keySite, map[string]any{"key": "x"}, "meta"), "site key: digest"},
		{"imported without head", edit(shipmentKey(1, 3), map[string]any{"state": "imported"}, "bundles"), "the last bundle imported is 1.3"},
		{"imported gone", del(shipmentKey(1, 2), "bundles"), "the last bundle imported is 1.1"},
		{"bundle of other seq", edit(shipmentKey(1, 3), map[string]any{"seq": 9}, "bundles"), "bundle 1.3: its record is of 1.9"},
		{"bundle state", edit(shipmentKey(1, 3), map[string]any{"state": "gone"}, "bundles"), `bundle 1.3: ledger is damaged: state "gone"`},
		{"bundle statement", edit(shipmentKey(1, 3), map[string]any{"statement": ""}, "bundles"), "bundle 1.3: digest"},
		{"bundle key", put([]byte("x"), []byte("{}"), "bundles"), "78 is not an epoch and a seq"},
		{"no repository", put(key("a"), held(), "holdings"), "no repository has the holding"},
		{"unknown repository", put(key("a"), held(1, 9), "holdings"), "is in repository 9, which is not known"},
		{"repositories not in order", put(key("a"), held(2, 1), "holdings"), "repositories of a holding are not ascending"},
		{"repository cut", put(key("a"), append(held(1), 0), "holdings"), "00 is not the number of a repository"},
		{"no size", put(key("a"), []byte{1}, "holdings"), "has no size"},
		{"no digest", put([]byte("a"), held(1), "holdings"), "is not a digest"},
		{"number gone", del([]byte{0, 0, 0, 1}, "repository-ids"), "repository 2 found where 1 belongs"},
		{"name gone", del([]byte("one"), "repositories"), `repository "one" is number 1, but is kept as`},
		{"name added", put([]byte("six"), []byte{0, 0, 0, 1}, "repositories"), `repository "six" is number 00000001, which is "one"`},
		{"release of no bundle", edit(two.key(), map[string]any{"version": "9"}, "releases"), "is not of an imported bundle 1.2"},
		{"release renamed", edit(two.key(), map[string]any{"name": "db"}, "releases"), `is kept as "app`},
		{"release unresolved", edit(two.key(), map[string]any{"resolved": ""}, "releases"), `release "app": digest`},
		{"current unknown", put([]byte("app"), shipmentKey(1, 9), "current"), "which is not on record"},
		{"current of nothing", put([]byte("db"), shipmentKey(1, 1), "current"), `release "db" is current`},
		{"none current", del([]byte("app"), "current"), `of release "app" none is current`},
		{"audit gap", del(appendNumber(nil, 1), "audit"), "found where 1 belongs"},
		{"audit key", put([]byte{1}, []byte("{}"), "audit"), "audit row 01 found"},
		{"audit row", put(appendNumber(nil, 2), []byte("x"), "audit"), "audit row 0000000000000002"},
		{"manifest", put(key("m"), []byte{0, 1, 'x', 0, 0, 0, 1, 'y'}, "manifests"), "manifest has digest"},
		{"no audit", delBucket("audit"), `no bucket "audit"`},
		{"no repositories", delBucket("repositories"), `no bucket "repositories"`},
	}, func(t *testing.T) side {
		t.Helper()
		i := newInside(t)
		importBundle(t, i, 1)
		importBundle(t, i, 2)
		_, err := i.SeeBundle(row(3))
		must(t, err)
		must(t, i.AddHoldings("one", blobs("a", "b")))
		must(t, i.AddHoldings("two", blobs("a")))
		must(t, i.Audit(AuditRow{Time: at(1), Verdict: "imported"}))
		must(t, i.Audit(AuditRow{Time: at(2), Verdict: "imported"}))
		return side{i.f, i.Check}
	})
}

// All violations come together, and not only the first.
func TestCheckJoins(t *testing.T) {
	o := newOutside(t)
	ship(t, o, 1, "a", "b")
	must(t, o.AddSite(Site{Name: "south", Added: at(0)}))
	must(t, o.f.update(func(tx *tx) error {
		del(key("a"), "sites", "north", "holdings")(t, tx)
		edit(keySite, map[string]any{"key": "x"}, "sites", "south")(t, tx)
		tx.wrote = true
		return nil
	}))
	err := o.Check()
	for _, want := range []string{`site "north": shipment 1.1 brought 2 entries`, `site "south": key: digest`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Check = %v, want %q in it", err, want)
		}
	}
}

// A page that the database can't account for is damage as well.
func TestCheckFindsLostPages(t *testing.T) {
	o := newOutside(t)
	ship(t, o, 1, "a", "b")
	btx, err := o.f.db.Begin(true)
	must(t, err)
	b, err := btx.CreateBucket([]byte("another")) // of a later ferry, so no violation
	must(t, err)
	must(t, b.Put([]byte("k"), make([]byte, 10_000)))
	must(t, btx.Commit())
	must(t, o.Check())

	page := 0
	must(t, o.f.view(func(tx *tx) error {
		page = int(tx.Bucket([]byte("another")).Root())
		return nil
	}))
	must(t, overwrite(o.f.path, int64(page)*int64(o.f.db.Info().PageSize)))
	if err := o.Check(); !errors.Is(err, ErrDamaged) {
		t.Errorf("Check = %v, want ErrDamaged", err)
	}
}

// overwrite puts noise over a page of the file at path.
func overwrite(path string, off int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteAt(bytes.Repeat([]byte{0xa5}, 64), off)
	return err
}

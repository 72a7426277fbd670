package main

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	nothingNewBar = 2 * time.Second

	imagesPerRepository = 20
	signedEvery         = 10 // images
	pushers             = 8  // at a time
)

// nothingNew packs a release of many images that the site holds already.
func (b *bench) nothingNew(ctx context.Context) error {
	e, err := b.newEnds(ctx, "many")
	if err != nil {
		return err
	}
	defer e.close()
	images, signed, err := b.pushMany(ctx, e.source.host)
	if err != nil {
		return err
	}
	if err := e.writeRelease("1", images); err != nil {
		return err
	}
	first, err := e.pack(ctx)
	if err != nil {
		return err
	}
	again, walls, err := e.packAgain(ctx, b.sizes.repeats)
	if err != nil {
		return err
	}
	requests, err := e.countRequests(ctx, "many/source")
	if err != nil {
		return err
	}
	b.describeNothingNew(len(images), signed, first, again, walls, requests)
	return b.remove(e.name)
}

// A repeated is what one of several equal runs took, and the registry for it.
type repeated struct {
	usage
	registry time.Duration // of processor
}

// packAgain packs several times, and returns what the last time took.
func (e *ends) packAgain(ctx context.Context, times int) (last repeated, walls spread, err error) {
	var runs []time.Duration
	for range times {
		before, err := e.source.cpu()
		if err != nil {
			return last, walls, err
		}
		if last.usage, err = e.pack(ctx); err != nil {
			return last, walls, err
		}
		after, err := e.source.cpu()
		if err != nil {
			return last, walls, err
		}
		last.registry = after - before
		runs = append(runs, last.wall)
	}
	return last, newSpread(runs), nil
}

func (b *bench) describeNothingNew(images, signed int, first usage, again repeated, walls spread, requests map[string]int) {
	total, others := 0, 0
	var methods []string
	for _, method := range slices.Sorted(maps.Keys(requests)) {
		total += requests[method]
		if method != http.MethodHead {
			others += requests[method]
		}
		methods = append(methods, fmt.Sprintf("%d %s", requests[method], method))
	}
	b.doc.bar(fmt.Sprintf("`ferry pack` of %d images, none of them new", images), "< "+seconds(nothingNewBar), seconds(walls.median), walls.median < nothingNewBar)
	b.doc.bar("requests of that other than HEAD", "0", fmt.Sprint(others), others == 0)
	b.doc.section("Nothing new", fmt.Sprintf(
		"A release of %d images, %d of them with a signature, that the site holds already. The registry runs on the same machine, and takes %s of processor time for the same. "+
			"The requests were counted by a proxy in another run of the same command: %s, %.1f for each image.",
		images, signed, seconds(again.registry), strings.Join(methods, ", "), float64(total)/float64(images)))
	b.doc.table([][]string{
		{"`ferry pack`", "time", "processor", "memory"},
		{"the first one, everything is new", seconds(first.wall), seconds(first.cpu), first.memory()},
		{
			fmt.Sprintf("the next, nothing is new (median of %d, fastest %s, slowest %s)", b.sizes.repeats, seconds(walls.min), seconds(walls.max)),
			seconds(walls.median), seconds(again.cpu), again.memory(),
		},
	})
}

// pushMany pushes many small images, and signatures of some. It returns their
// names and how many are signed.
func (b *bench) pushMany(ctx context.Context, host string) (images []string, signed int, err error) {
	base, err := newLayer("base", 64<<10)
	if err != nil {
		return nil, 0, err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(pushers)
	for i := range b.sizes.images {
		repository := fmt.Sprintf("%s/team%d/app%d", host, i/imagesPerRepository%7, i/imagesPerRepository)
		tag := fmt.Sprintf("1.%d", i)
		sign := i%signedEvery == 0
		if sign {
			signed++
		}
		images = append(images, repository+":"+tag)
		g.Go(func() error {
			own, err := newLayer(tag, 2<<10)
			if err != nil {
				return err
			}
			d, err := b.pushImage(ctx, repository, tag, base, own)
			if err != nil || !sign {
				return err
			}
			return b.pushSignature(ctx, repository, d)
		})
	}
	return images, signed, g.Wait()
}

// countRequests packs once more, with a proxy where the source registry was,
// and returns how many requests of each method there were.
func (e *ends) countRequests(ctx context.Context, store string) (map[string]int, error) {
	host := e.source.host
	e.source.stop()
	source, err := e.b.serve(ctx, store)
	if err != nil {
		return nil, err
	}
	e.source = source
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", host)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex // guards counts
	counts := make(map[string]int)
	target := &url.URL{Scheme: "http", Host: source.host}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // so that the registry's addresses lead back here
		},
		Transport: &http.Transport{MaxIdleConnsPerHost: 64},
	}
	srv := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		mu.Lock()
		counts[req.Method]++
		mu.Unlock()
		proxy.ServeHTTP(w, req)
	})}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = srv.Serve(ln) // ends when it is closed
	}()
	_, err = e.pack(ctx)
	_ = srv.Close() // nobody asks any more
	<-served
	return counts, err
}

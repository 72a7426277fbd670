package registry_test

import (
	"fmt"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/airgap-ferry/ferry/registry"
	"github.com/airgap-ferry/ferry/registry/registrytest"
)

// BenchmarkResolve asks a registry in this process for 5,000 references: what
// a pack costs when nothing is new. Client and registry share the processors.
func BenchmarkResolve(b *testing.B) {
	const references = 5000
	r := registrytest.Start(b, registrytest.Options{})
	for i := range 10 {
		registrytest.PushIndex(b, r.Repository(fmt.Sprintf("shop/api%d:1.0", i)), "one", "linux/amd64")
	}
	for _, parallel := range []int{1, 8, 16} {
		b.Run(fmt.Sprintf("parallel=%d", parallel), func(b *testing.B) {
			c, err := registry.New(registry.Options{Keychain: registrytest.NoCredentials{}, Parallel: parallel})
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			for b.Loop() {
				g, ctx := errgroup.WithContext(b.Context())
				g.SetLimit(parallel)
				for i := range references {
					g.Go(func() error {
						_, err := c.Resolve(ctx, registry.Reference{Repository: r.Repository(fmt.Sprintf("shop/api%d", i%10)), Tag: "1.0"})
						return err
					})
				}
				if err := g.Wait(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/references, "µs/request")
		})
	}
}

// BenchmarkPushBlob pushes blobs of 64 MiB.
func BenchmarkPushBlob(b *testing.B) {
	r := registrytest.Start(b, registrytest.Options{})
	c := registrytest.Client(b)
	content := noise(1, 64<<20)
	b.SetBytes(int64(len(content)))
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		content[0], content[1] = byte(i), byte(i>>8)
		u := upload(r.Repository("shop/api"), content)
		b.StartTimer()
		mustPush(b, c, u, registry.Uploaded)
	}
}

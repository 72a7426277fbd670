package outside

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"time"
)

// headerTimeout is how long a chart repository may take to answer.
const headerTimeout = time.Minute

// httpClient returns the client for HTTP chart repositories. It trusts what
// registries are trusted with.
func (c *config) httpClient() (*http.Client, error) {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return nil, fmt.Errorf("setting up HTTP: the default transport is %T", http.DefaultTransport)
	}
	t = t.Clone()
	t.ResponseHeaderTimeout = headerTimeout
	if len(c.caFiles) > 0 {
		pool, err := x509.SystemCertPool()
		if err != nil {
			return nil, fmt.Errorf("setting up HTTP: reading the system's certificates: %w", err)
		}
		for _, name := range c.caFiles {
			pem, err := os.ReadFile(name)
			if err != nil {
				return nil, fmt.Errorf("setting up HTTP: %w", err)
			}
			if !pool.AppendCertsFromPEM(pem) {
				return nil, fmt.Errorf("setting up HTTP: %q holds no certificate", name)
			}
		}
		t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{Transport: t}, nil
}

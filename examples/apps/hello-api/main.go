// Hello-api is a small HTTP server to ship in examples: it greets, and says
// which version it is.
package main

import (
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"time"
)

// version is set when the image is built.
var version = "unknown"

func main() {
	addr := ":8080"
	if a := os.Getenv("LISTEN"); a != "" {
		addr = a
	}
	slog.Info("listening", slog.String("addr", addr), slog.String("version", version))
	server := &http.Server{Addr: addr, Handler: handler(), ReadHeaderTimeout: 5 * time.Second}
	if err := server.ListenAndServe(); err != nil {
		slog.Error("serving", slog.Any("err", err))
		os.Exit(1)
	}
}

func handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", answer("text/plain; charset=utf-8", "hello\n"))
	mux.HandleFunc("GET /healthz", answer("text/plain; charset=utf-8", "ok\n"))
	mux.HandleFunc("GET /version", answer("application/json",
		`{"name":"hello-api","version":`+strconv.Quote(version)+"}\n"))
	return mux
}

// answer returns a handler that always says the same.
func answer(contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = io.WriteString(w, body) // who has gone needs no answer
	}
}

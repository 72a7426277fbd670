package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestAnswers(t *testing.T) {
	tests := []struct {
		method, path string
		code         int
		body         string
	}{
		{"GET", "/", http.StatusOK, "hello\n"},
		{"GET", "/healthz", http.StatusOK, "ok\n"},
		{"GET", "/version", http.StatusOK, `{"name":"hello-api","version":"unknown"}` + "\n"},
		{"GET", "/other", http.StatusNotFound, "404 page not found\n"},
		{"POST", "/version", http.StatusMethodNotAllowed, "Method Not Allowed\n"},
	}
	for _, tt := range tests {
		w := httptest.NewRecorder()
		handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), tt.method, tt.path, nil))
		if w.Code != tt.code || w.Body.String() != tt.body {
			t.Errorf("%s %s = %d %q, want %d %q", tt.method, tt.path, w.Code, w.Body, tt.code, tt.body)
		}
	}
}

package serve

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/sirupsen/logrus"
)

// routeLog sends distribution's log to w, and drops it if w is nil.
// distribution knows one log per process, so the last caller decides.
func routeLog(w io.Writer) {
	logrus.SetFormatter(lineFormatter{})
	logrus.SetOutput(writerOrDiscard(w))
	if w == nil {
		logrus.SetLevel(logrus.PanicLevel)
		return
	}
	logrus.SetLevel(logrus.ErrorLevel)
}

// A lineFormatter writes what an operator can act upon, one line each. What
// distribution calls an error is often only an answer: that a blob is not
// there yet.
type lineFormatter struct{}

// Format implements [logrus.Formatter].
func (lineFormatter) Format(e *logrus.Entry) ([]byte, error) {
	if status, ok := e.Data["http.response.status"].(int); ok && status < http.StatusInternalServerError {
		return nil, nil
	}
	var b strings.Builder
	b.WriteString("registry: ")
	for _, key := range []string{"http.request.method", "http.request.uri"} {
		if v, ok := e.Data[key]; ok {
			fmt.Fprintf(&b, "%v ", v)
		}
	}
	b.WriteString(strings.ReplaceAll(e.Message, "\n", " "))
	for _, key := range []string{"err.detail", "error"} {
		if v, ok := e.Data[key]; ok {
			fmt.Fprintf(&b, ": %v", v)
		}
	}
	b.WriteByte('\n')
	return []byte(b.String()), nil
}

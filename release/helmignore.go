package release

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

const helmIgnoreName = ".helmignore"

// ignoreRules say which files of a chart's folder are not of the chart, as
// Helm reads a .helmignore: the first rule that matches decides.
type ignoreRules []ignoreRule

type ignoreRule struct {
	pattern     string
	negate      bool // leaves out what does not match
	foldersOnly bool // matches no file
	anywhere    bool // is compared with the last part of a path
}

// parseIgnore parses a .helmignore. Helm's own rule, hidden files among the
// templates, is added.
func parseIgnore(data []byte) (ignoreRules, error) {
	var rules ignoreRules
	text := strings.TrimPrefix(string(data), "\ufeff")
	for i, line := range strings.Split(text+"\ntemplates/.?*", "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		rule, err := parseIgnoreRule(line)
		if err != nil {
			return nil, fmt.Errorf("%s: line %d: %.80q: %w", helmIgnoreName, i+1, line, err)
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

func parseIgnoreRule(line string) (r ignoreRule, err error) {
	if strings.Contains(line, "**") {
		return r, errors.New("** is not known to Helm")
	}
	if _, err := path.Match(line, "abc"); err != nil {
		return r, err
	}
	line, r.negate = strings.CutPrefix(line, "!")
	line, r.foldersOnly = strings.CutSuffix(line, "/")
	line, rooted := strings.CutPrefix(line, "/")
	r.pattern, r.anywhere = line, !rooted && !strings.Contains(line, "/")
	return r, nil
}

// ignores reports whether the file or folder name is left out.
func (rules ignoreRules) ignores(name string, folder bool) bool {
	for _, r := range rules {
		if r.negate {
			if r.foldersOnly && !folder || !r.matches(name) {
				return true
			}
			continue
		}
		if (folder || !r.foldersOnly) && r.matches(name) {
			return true
		}
	}
	return false
}

func (r *ignoreRule) matches(name string) bool {
	if r.anywhere {
		name = path.Base(name)
	}
	ok, err := path.Match(r.pattern, name)
	return err == nil && ok
}

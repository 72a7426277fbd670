package release

import (
	"archive/tar"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// A chartFile is a file of a chart that goes into its archive.
type chartFile struct {
	name string // relative to the chart
	data []byte
}

// packageChart packages the chart in the folder dir as Helm does, but always
// to the same bytes: sorted, without times, owners and modes.
func packageChart(dir string) ([]byte, error) {
	files, err := readChartFolder(dir)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(files, func(f chartFile) bool { return f.name == chartYAMLName })
	if i < 0 {
		return nil, fmt.Errorf("is not a chart: has no %s", chartYAMLName)
	}
	meta, err := parseChartYAML(files[i].data)
	if err != nil {
		return nil, err
	}
	if err := checkDependencies(meta, files); err != nil {
		return nil, err
	}
	slices.SortFunc(files, func(a, b chartFile) int {
		if (a.name == chartYAMLName) != (b.name == chartYAMLName) { // first, as Helm has it
			return map[bool]int{true: -1, false: 1}[a.name == chartYAMLName]
		}
		return cmp.Compare(a.name, b.name)
	})
	return archiveChart(meta.Name, files)
}

// readChartFolder reads the files of a chart that its .helmignore does not
// name.
func readChartFolder(dir string) ([]chartFile, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, reasonOf(err)
	}
	defer root.Close() //nolint:errcheck // only read from
	rules, err := readIgnore(root)
	if err != nil {
		return nil, err
	}
	var files []chartFile
	size := int64(0)
	err = walkFolder(root, func(name string, info fs.FileInfo) error {
		if rules.ignores(name, info.IsDir()) {
			return fs.SkipDir
		}
		if info.IsDir() {
			return nil
		}
		if size += info.Size(); size > maxUnpackedChart {
			return fmt.Errorf("has more than %d bytes", maxUnpackedChart)
		}
		data, err := root.ReadFile(name)
		if err != nil {
			return err
		}
		files = append(files, chartFile{name, data})
		return nil
	})
	return files, err
}

// readIgnore returns the rules of a chart, which need not have any.
func readIgnore(root *os.Root) (ignoreRules, error) {
	data, err := root.ReadFile(helmIgnoreName)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", helmIgnoreName, reasonOf(err))
	}
	return parseIgnore(data)
}

// checkDependencies refuses a chart that would not install, because charts it
// depends on are not in its folder charts. Charts of apiVersion v1 have their
// dependencies elsewhere, and Helm does not check them here either.
func checkDependencies(meta *chartMeta, files []chartFile) error {
	have := make(map[string]bool)
	for _, f := range files {
		rest, ok := strings.CutPrefix(f.name, "charts/")
		if !ok {
			continue
		}
		var sub *chartMeta
		var err error
		switch {
		case !strings.Contains(rest, "/") && path.Ext(rest) == ".tgz":
			sub, err = readArchiveMeta(f.data)
		case strings.Count(rest, "/") == 1 && path.Base(rest) == chartYAMLName:
			sub, err = parseChartYAML(f.data)
		default:
			continue
		}
		if err != nil {
			return fmt.Errorf("%q: %w", f.name, err)
		}
		have[sub.Name] = true
	}
	for _, d := range meta.Dependencies {
		if !have[d.Name] {
			return fmt.Errorf("needs chart %q, which is not in its folder charts: run helm dependency build", d.Name)
		}
	}
	return nil
}

// archiveChart writes files as the .tgz of a chart. The tar is stored, not
// compressed: the bytes then depend on no compressor, and sites do not get
// every chart again because one has changed its ways.
func archiveChart(name string, files []chartFile) ([]byte, error) {
	var out bytes.Buffer
	tw := tar.NewWriter(&out)
	for _, f := range files {
		h := &tar.Header{
			Typeflag: tar.TypeReg, Name: name + "/" + f.name, Mode: 0o644, Size: int64(len(f.data)), ModTime: time.Unix(0, 0),
		}
		if err := tw.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := tw.Write(f.data); err != nil {
			return nil, err
		}
	}
	if err := tw.Close(); err != nil {
		return nil, err
	}
	return storeGzip(out.Bytes()), nil
}

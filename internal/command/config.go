package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"gopkg.in/yaml.v3"
)

const configName = "carillon.yaml" // in the data folder

type configExample struct{}

// Run prints every option of serve, out of the same table that parses them, so
// that the example cannot fall behind.
func (configExample) Run(app *kong.Kong, streams Streams) error {
	fmt.Fprintf(streams.Out, "# Carillon's config file: %s in the data folder, or --config FILE.\n", configName)
	fmt.Fprintln(streams.Out, "# Flags win over environment variables, and these over this file.")
	for _, flag := range serveFlags(app) {
		value := flag.Default
		switch flag.Target.Kind() {
		case reflect.String:
			value = yamlScalar(value)
		case reflect.Bool:
			value = "false"
		}
		fmt.Fprintf(streams.Out, "\n# %s\n# (--%s, %s)\n#%s: %s\n", flag.Help, flag.Name, strings.Join(flag.Envs, ", "), flag.Name, value)
	}
	return nil
}

// yamlScalar quotes what YAML would read as something else, such as 000000000000 or off.
func yamlScalar(value string) string {
	out, err := yaml.Marshal(value)
	if err != nil {
		return value
	}
	return strings.TrimSpace(string(out))
}

// serveFlags are the options that a config file may set.
func serveFlags(app *kong.Kong) []*kong.Flag {
	for _, node := range app.Model.Children {
		if node.Name == "serve" {
			return slices.DeleteFunc(slices.Clone(node.Flags), func(f *kong.Flag) bool {
				return f.Name == "config" || f.Name == "data" // they say where the file is
			})
		}
	}
	return nil
}

// resolver answers kong's question for an option's value out of a config file.
type resolver struct {
	file   string
	values map[string]any
	err    error // why the file could not be read
}

// configResolver reads the config file that args or the environment name, or
// else the one in the data folder.
func configResolver(args []string) resolver {
	file, named := option(args, "config", "CARILLON_CONFIG")
	if !named {
		data, ok := option(args, "data", "CARILLON_DATA")
		if !ok {
			data = "carillon-data"
		}
		file = filepath.Join(data, configName)
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) && !named {
		return resolver{}
	}
	r := resolver{file: file}
	if err == nil {
		err = yaml.Unmarshal(text, &r.values)
	}
	if err != nil {
		r.err = fmt.Errorf("config file %s: %w", file, err)
	}
	return r
}

// option finds the value of --name in args, or else in the environment. It
// looks before the command line is parsed, since parsing needs the answer.
func option(args []string, name, variable string) (string, bool) {
	for i, arg := range args {
		if value, ok := strings.CutPrefix(arg, "--"+name+"="); ok {
			return value, true
		}
		if arg == "--"+name && i+1 < len(args) {
			return args[i+1], true
		}
	}
	return os.LookupEnv(variable)
}

// Validate implements kong.Resolver. What is wrong with the file stops serve
// only, and kong does not say here which command it is: see check.
func (r resolver) Validate(*kong.Application) error { return nil }

// check wants a file that could be read, in which every key is an option.
func (r resolver) check(app *kong.Application) error {
	if r.err != nil {
		return r.err
	}
	for key, value := range r.values {
		known := false
		for _, node := range app.Children {
			known = known || node.Name == "serve" && slices.ContainsFunc(node.Flags, func(f *kong.Flag) bool { return f.Name == key })
		}
		if !known {
			return fmt.Errorf("config file %s: %q is no option; see `carillon config example`", r.file, key)
		}
		if kind := reflect.ValueOf(value).Kind(); kind == reflect.Map || kind == reflect.Slice {
			return fmt.Errorf("config file %s: %s wants one value", r.file, key)
		}
	}
	return nil
}

// Resolve implements kong.Resolver.
func (r resolver) Resolve(ctx *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if !isServe(ctx) {
		return nil, nil
	}
	value, ok := r.values[flag.Name]
	if !ok || value == nil || inEnvironment(flag) {
		return nil, nil
	}
	if on, ok := value.(bool); ok && !flag.IsBool() {
		value = map[bool]string{true: "on", false: "off"}[on] // YAML 1.1 reads off as false
	}
	return fmt.Sprint(value), nil
}

func isServe(ctx *kong.Context) bool {
	return ctx.Command() == "serve" || strings.HasPrefix(ctx.Command(), "serve ")
}

// inEnvironment tells whether an environment variable sets flag: it wins over
// the file, which kong would ask first.
func inEnvironment(flag *kong.Flag) bool {
	return slices.ContainsFunc(flag.Envs, func(name string) bool { _, set := os.LookupEnv(name); return set })
}

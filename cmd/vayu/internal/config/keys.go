package config

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// fields walks the settings of a struct in order, with their dotted names.
// Lists of tables are named, not entered.
func fields(prefix string, v reflect.Value, visit func(key string, field reflect.Value)) {
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("toml"), ",")
		field := v.Field(i)
		_, isText := field.Addr().Interface().(encoding.TextUnmarshaler)
		if field.Kind() == reflect.Struct && !isText {
			fields(prefix+name+".", field, visit)
			continue
		}
		visit(prefix+name, field)
	}
}

// keys lists every key a file may hold.
func keys() []string {
	var list []string
	add := func(key string, _ reflect.Value) { list = append(list, key) }
	fields("", reflect.ValueOf(new(Config)).Elem(), add)
	fields("strategies.", reflect.ValueOf(new(Strategy)).Elem(), add)
	return list
}

// isTextKey tells whether the last part of a key names a setting that is read
// from its text.
func isTextKey(key string) (is bool) {
	last := key[strings.LastIndexByte(key, '.')+1:]
	visit := func(known string, field reflect.Value) {
		_, isText := field.Addr().Interface().(encoding.TextUnmarshaler)
		is = is || isText && known[strings.LastIndexByte(known, '.')+1:] == last
	}
	fields("", reflect.ValueOf(new(Config)).Elem(), visit)
	fields("", reflect.ValueOf(new(Strategy)).Elem(), visit)
	return is
}

// set reads text into one setting.
func set(field reflect.Value, text string) error {
	if value, ok := field.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return value.UnmarshalText([]byte(text))
	}
	switch field.Kind() {
	case reflect.String:
		field.SetString(text)
	case reflect.Bool:
		value, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%.40q is neither true nor false", text)
		}
		field.SetBool(value)
	case reflect.Int:
		value, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%.40q is not a whole number", text)
		}
		field.SetInt(int64(value))
	case reflect.Float64:
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("%.40q is not a number", text)
		}
		field.SetFloat(value)
	default:
		return fmt.Errorf("this setting can only be made in the file")
	}
	return nil
}

// credentialKeys are the settings that are secrets.
var credentialKeys = []string{"app_key", "secret_key", "api_session"}

func isCredential(key string) bool { return slices.Contains(credentialKeys, key) }

// nearest is the known key that was perhaps meant; empty when none is close.
func nearest(key string, known []string) string {
	best, bestCost := "", max(2, len(key)/4)+1
	for _, candidate := range known {
		if cost := distance(key, candidate); cost < bestCost {
			best, bestCost = candidate, cost
		}
	}
	if best != "" {
		return best
	}
	// The right word in the wrong section.
	_, last, _ := strings.Cut(key, ".")
	for _, candidate := range known {
		if _, name, _ := strings.Cut(candidate, "."); last != "" && name == last {
			return candidate
		}
	}
	return ""
}

// distance counts the bytes to insert, delete or replace to get from a to b.
func distance(a, b string) int {
	const tooLong = 80
	if len(a) > tooLong {
		return tooLong
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

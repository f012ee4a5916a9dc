// Package bench holds what spans packages: benchmarks of whole journeys, and
// the rules of the module itself (who may import whom, what each package must
// say, what no file may contain). It may import anything; nothing imports it.
package bench

//go:build !race

package recipe

const underRace = false

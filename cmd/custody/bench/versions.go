package bench

import (
	"debug/buildinfo"
	"runtime"
)

// Versions are what the ledger's program was built from.
type Versions struct {
	Commit string `json:"commit"`
	Go     string `json:"go"`
	Raft   string `json:"raft"`
	Log    string `json:"raft_log"` // what keeps the Raft log
	Pebble string `json:"pebble"`
}

// versions reads them from the program itself.
func versions(config Config) Versions {
	v := Versions{Commit: config.Commit, Go: runtime.Version(), Raft: "unknown", Log: "unknown", Pebble: "unknown"}
	info, err := buildinfo.ReadFile(config.Program)
	if err == nil {
		v.Go = info.GoVersion
		for _, dependency := range info.Deps {
			switch dependency.Path {
			case "github.com/hashicorp/raft":
				v.Raft = dependency.Path + " " + dependency.Version
			case "github.com/hashicorp/raft-boltdb/v2":
				v.Log = dependency.Path + " " + dependency.Version
			case "github.com/cockroachdb/pebble/v2":
				v.Pebble = dependency.Version
			}
		}
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" && v.Commit == "" {
				v.Commit = setting.Value
			}
		}
	}
	if v.Commit == "" {
		v.Commit = "unknown"
	}
	return v
}

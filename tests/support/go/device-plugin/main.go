// Reads a configuration of NVIDIA's device plugin from standard input as the plugin itself does,
// except that unknown fields are errors.
package main

import (
	"io"
	"log"
	"os"

	config "github.com/NVIDIA/k8s-device-plugin/api/config/v1"
	"sigs.k8s.io/yaml"
)

func main() {
	log.SetFlags(0)
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		log.Fatal(err)
	}
	var read config.Config
	if err := yaml.UnmarshalStrict(text, &read); err != nil {
		log.Fatal(err)
	}
}

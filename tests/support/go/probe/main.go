// A stand-in for a service: it accepts connections on the addresses that it is given, and says
// whether it can make one itself (GET /?to=HOST:PORT answers "open" or "closed").
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"time"
)

const patience = 2 * time.Second

func main() {
	http.HandleFunc("/", func(answer http.ResponseWriter, request *http.Request) {
		to := request.URL.Query().Get("to")
		connection, err := net.DialTimeout("tcp", to, patience)
		if err != nil {
			fmt.Fprint(answer, "closed")
			return
		}
		connection.Close()
		fmt.Fprint(answer, "open")
	})
	for _, address := range os.Args[1:] {
		go func() { log.Fatal(http.ListenAndServe(address, nil)) }()
	}
	select {}
}

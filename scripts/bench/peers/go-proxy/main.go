// The proxy that anyone writes in Go: io.Copy both ways, with half-close.
//
// Arguments: where to listen, and the server's address.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"os"
)

func oneWay(sink, source *net.TCPConn, done chan<- struct{}) {
	io.Copy(sink, source)
	sink.CloseWrite()
	done <- struct{}{}
}

func join(client *net.TCPConn, server string) {
	defer client.Close()
	connection, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	backend := connection.(*net.TCPConn)
	defer backend.Close()
	done := make(chan struct{}, 2)
	go oneWay(backend, client, done)
	go oneWay(client, backend, done)
	<-done
	<-done
}

func main() {
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on %s\n", listener.Addr())
	for {
		client, err := listener.Accept()
		if err != nil {
			// Out of descriptors, most likely: those who are served go on.
			continue
		}
		go join(client.(*net.TCPConn), os.Args[2])
	}
}

// Probe is the smallest program that shows a cluster works: it answers HTTP from a pod and asks from one.
//
//	probe                      serve on :8080: one line "hostname=H client=ADDRESS node=N"
//	probe serve [ADDRESS]      the same on another address
//	probe get URL [SECONDS]    print the body; exit 1 unless the status is 200
//	probe resolve NAME         print the addresses of NAME, one a line; exit 1 when there is none
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

const usage = "usage: probe [serve [ADDRESS] | get URL [SECONDS] | resolve NAME]"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	switch {
	case len(arguments) == 0:
		return serve(":8080")
	case arguments[0] == "serve" && len(arguments) == 1:
		return serve(":8080")
	case arguments[0] == "serve" && len(arguments) == 2:
		return serve(arguments[1])
	case arguments[0] == "get" && (len(arguments) == 2 || len(arguments) == 3):
		return get(arguments[1:])
	case arguments[0] == "resolve" && len(arguments) == 2:
		return resolve(arguments[1])
	}
	return errors.New(usage)
}

func serve(address string) error {
	hostname, err := os.Hostname()
	if err != nil {
		return err
	}
	handler := http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		client, _, err := net.SplitHostPort(request.RemoteAddr)
		if err != nil {
			client = request.RemoteAddr
		}
		fmt.Fprintf(response, "hostname=%s client=%s node=%s\n", hostname, client, os.Getenv("NODE_NAME"))
	})
	server := &http.Server{Addr: address, Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	// As the first process of a container the default action of SIGTERM does not apply.
	stopping, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	go func() {
		<-stopping.Done()
		_ = server.Shutdown(context.Background())
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func get(arguments []string) error {
	seconds := 10
	if len(arguments) == 2 {
		given, err := strconv.Atoi(arguments[1])
		if err != nil || given < 1 {
			return fmt.Errorf("SECONDS must be a whole number above 0, not %q", arguments[1])
		}
		seconds = given
	}
	client := http.Client{Timeout: time.Duration(seconds) * time.Second}
	response, err := client.Get(arguments[0])
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(os.Stdout, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", arguments[0], response.Status)
	}
	return nil
}

func resolve(name string) error {
	deadline, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupHost(deadline, name)
	if err != nil {
		return err
	}
	for _, address := range addresses {
		fmt.Println(address)
	}
	return nil
}

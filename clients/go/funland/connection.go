// Package funland is what every program that calls Funland would write itself: a connection, errors
// with the contract's reasons, and calls that are made again when that may help.
package funland

import (
	"crypto/tls"
	"os"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/local"
)

// Connect makes a connection to "host:port"; the first call opens it. An empty address is the
// environment's FUNLAND_SERVER, else 127.0.0.1:50051. "grpcs://host:port" is called over TLS, and
// nothing but this machine without it.
func Connect(address string, options ...grpc.DialOption) (*grpc.ClientConn, error) {
	if address == "" {
		address = os.Getenv("FUNLAND_SERVER")
	}
	if address == "" {
		address = "127.0.0.1:50051"
	}
	safe := local.NewCredentials()
	if place := strings.TrimPrefix(address, "grpcs://"); place != address {
		address, safe = place, credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12})
	}
	return grpc.Dial(address, append(options, grpc.WithTransportCredentials(safe))...)
}

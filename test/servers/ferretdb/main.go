// FerretDB v1 with its SQLite backend, as a server for the tests: it speaks MongoDB's wire protocol.
// Built from the package that FerretDB offers for embedding, because its command cannot be built outside its own checkout.
//
//	ferretdb ADDRESS SQLITE-URL
//
// Prints the address to connect to and runs until its standard input ends, so that it never outlives whoever started it.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: ferretdb ADDRESS SQLITE-URL")
		os.Exit(2)
	}

	db, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{TCP: os.Args[1]},
		Logger:    slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
		Handler:   "sqlite",
		SQLiteURL: os.Args[2],
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}

	ctx, stop := context.WithCancel(context.Background())

	go func() {
		fmt.Println(db.MongoDBURI())
		io.Copy(io.Discard, os.Stdin)
		stop()
	}()

	if err := db.Run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

package tape_test

import (
	"bytes"
	"fmt"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/feed/tape"
)

func ExampleWriter() {
	var file bytes.Buffer
	date := market.Date(20260818)
	w, err := tape.NewWriter(&file, tape.Header{Date: date, Title: "two messages"})
	if err != nil {
		panic(err)
	}
	open := date.At(9*time.Hour + 15*time.Minute)
	_ = w.Frame(open, tape.Recorded, []byte(`42["stock",["4.1!NIFTY 50",24212.8]]`))
	_ = w.Frame(open.Add(time.Second), tape.Synthetic, []byte(`42["stock",["4.1!NIFTY 50",24213]]`))
	_ = w.Close()

	r, err := tape.NewReader(bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil {
		panic(err)
	}
	defer r.Close()
	fmt.Println(r.Header().Title)
	for f := (tape.Frame{}); ; {
		if more, err := r.Next(&f); err != nil || !more {
			break
		}
		fmt.Printf("%s %s %s\n", f.At, f.Source, f.Payload)
	}
	// Output:
	// two messages
	// 2026-08-18T09:15:00.000+05:30 recorded 42["stock",["4.1!NIFTY 50",24212.8]]
	// 2026-08-18T09:15:01.000+05:30 synthetic 42["stock",["4.1!NIFTY 50",24213]]
}

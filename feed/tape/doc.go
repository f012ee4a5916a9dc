// Package tape keeps a day of market data as it came off the wire: the text of
// each websocket message, the market time it belongs to, and whether it was
// recorded, modelled or made up. A tape owns its file format and nothing else:
// it does not decode messages, reads no clock and knows no venue.
//
// A file is the eight bytes of its magic, one header block and then blocks of
// frames, each compressed with zstd and covered by a CRC32C:
//
//	magic "VAYUTAP1"
//	block: 48 bytes of head, then the packed body
//	  0  4  "VTBK"
//	  4  4  kind (1 header, 2 frames)
//	  8  4  length of the body as stored (zstd)
//	 12  4  length of the body unpacked
//	 16  4  frames in it
//	 20  4  CRC32C of the stored body
//	 24  8  time of its first frame (ns since 1970 UTC)
//	 32  8  time of its last frame
//	 40  4  zero
//	 44  4  CRC32C of the 44 bytes before
//
// Numbers are little-endian. A frame in a body is its time since the frame
// before (uvarint; since the block's first time for the first), its source
// (one byte), the length of its payload (uvarint) and the payload. Times never
// fall from frame to frame, so the heads of the blocks are the index: a reader
// walks them once when it opens.
//
// A writer that dies leaves a torn tail. A reader cuts it at the last good
// block and says how many bytes it left out. A block that is damaged with good
// ones behind it is another matter: that is a *DamageError, which names the
// block and its offset.
package tape

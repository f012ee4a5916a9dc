//go:build amd64 && !race && !purego

#include "textflag.h"

// func publish(dst, src *uint64, n int)
TEXT ·publish(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	MOVQ $-1, AX
	MOVQ AX, (DI)
	MOVQ $1, BX

two:
	LEAQ 2(BX), DX
	CMPQ DX, CX
	JGT  last
	MOVQ (SI)(BX*8), AX
	MOVQ 8(SI)(BX*8), R8
	MOVQ AX, (DI)(BX*8)
	MOVQ R8, 8(DI)(BX*8)
	MOVQ DX, BX
	JMP  two

last:
	CMPQ BX, CX
	JGE  done
	MOVQ (SI)(BX*8), AX
	MOVQ AX, (DI)(BX*8)

done:
	MOVQ (SI), AX
	MOVQ AX, (DI)
	RET

// func store(dst *uint64, value uint64)
TEXT ·store(SB), NOSPLIT, $0-16
	MOVQ dst+0(FP), DI
	MOVQ value+8(FP), AX
	MOVQ AX, (DI)
	RET

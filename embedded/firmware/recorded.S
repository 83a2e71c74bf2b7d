/* The peer's answers: a real program would get them by radio. RECORDED is a path that the Makefile
 * gives. */

    .syntax unified

    .section .testdata, "a", %progbits
    .global recorded, recorded_end
recorded:
    .incbin RECORDED
recorded_end:

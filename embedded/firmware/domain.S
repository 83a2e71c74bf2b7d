/* A domain and its problem as a model, read in place. DOMAIN is a path that the Makefile gives. */

    .syntax unified

    .section .model, "a", %progbits
    .balign 4
    .global domain, domain_end
domain:
    .incbin DOMAIN
domain_end:

/* What the program works on, as files become part of the image. MODEL, LEVELS
 * and IMAGES are paths that the Makefile gives. */

    .syntax unified

/* The network, read in place: NSW_MODEL_ALIGN is 4. */
    .section .model, "a", %progbits
    .balign 4
    .global model, model_end
model:
    .incbin MODEL
model_end:

/* The int8 value of each of the 17 grey levels. A program with a sensor would
 * carry such a table too, so it counts as part of it. */
    .section .rodata.levels, "a", %progbits
    .global levels
levels:
    .incbin LEVELS

#ifdef IMAGES
/* The images with their labels. A real program would get them from a sensor. */
    .section .testdata, "a", %progbits
    .global images, images_end
images:
    .incbin IMAGES
images_end:
#endif

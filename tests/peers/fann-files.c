/* Makes the files in tests/data/fann with the installed libfann: networks of
 * every kind as fann_save writes them, and beside each what fann_run gives for
 * some inputs. With a file as argument: loads it and prints what it gives for
 * the inputs on standard input, or fails. tests/peers/fann-files runs it. */
#include <fann.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned state = 1;

static float uniform(void) { /* -1..1 */
    state = state * 1664525u + 1013904223u;
    return (float)(state >> 8) / 8388608.0f - 1.0f;
}

static void outputs(struct fann *ann, const char *name) {
    char path[256];
    snprintf(path, sizeof path, "%s.txt", name);
    FILE *file = fopen(path, "w");
    unsigned inputs = fann_get_num_input(ann), outputs = fann_get_num_output(ann);
    for (int i = 0; i < 5; i++) {
        float x[64];
        for (unsigned j = 0; j < inputs; j++) {
            x[j] = 2.0f * uniform();
            fprintf(file, "%.9g ", x[j]);
        }
        const float *y = fann_run(ann, x);
        for (unsigned j = 0; j < outputs; j++) fprintf(file, "%.9g ", y[j]);
        fprintf(file, "\n");
    }
    fclose(file);
}

static void save(struct fann *ann, const char *name, int randomize) {
    char path[256];
    if (randomize) {
        unsigned count = fann_get_total_connections(ann);
        struct fann_connection *all = malloc(count * sizeof *all);
        fann_get_connection_array(ann, all);
        for (unsigned i = 0; i < count; i++) all[i].weight = uniform();
        fann_set_weight_array(ann, all, count);
        free(all);
    }
    snprintf(path, sizeof path, "%s.net", name);
    fann_save(ann, path);
    fann_destroy(ann);
    ann = fann_create_from_file(path); /* what is in the file counts */
    outputs(ann, name);
    fann_destroy(ann);
}

static int check(const char *path) {
    struct fann *ann = fann_create_from_file(path);
    if (ann == NULL) return 1;
    float x[64];
    unsigned inputs = fann_get_num_input(ann);
    for (;;) {
        for (unsigned j = 0; j < inputs; j++)
            if (scanf("%f", &x[j]) != 1) return 0;
        const float *y = fann_run(ann, x);
        for (unsigned j = 0; j < fann_get_num_output(ann); j++) printf("%.9g ", y[j]);
        printf("\n");
    }
}

int main(int argc, char **argv) {
    if (argc > 1) return check(argv[1]);
    struct fann *ann = fann_create_standard(3, 3, 5, 2);
    fann_set_activation_function_hidden(ann, FANN_SIGMOID_SYMMETRIC);
    fann_set_activation_function_output(ann, FANN_SIGMOID);
    save(ann, "layered", 1);

    ann = fann_create_standard(4, 4, 18, 6, 2);
    for (int unit = 0, function = 0; unit < 18; function++) {
        if (function == FANN_GAUSSIAN_STEPWISE) {
            unit++;
            continue;
        }
        fann_set_activation_function(ann, (enum fann_activationfunc_enum)function, 1, unit);
        fann_set_activation_steepness(ann, 0.3f + 0.05f * (float)unit, 1, unit);
        unit++;
    }
    fann_set_activation_function_layer(ann, FANN_ELLIOT, 2);
    fann_set_activation_function_output(ann, FANN_LINEAR);
    save(ann, "functions", 1);

    ann = fann_create_sparse(0.4f, 4, 6, 8, 7, 3);
    save(ann, "sparse", 1);

    ann = fann_create_shortcut(4, 3, 4, 2, 2);
    fann_set_activation_function_hidden(ann, FANN_GAUSSIAN);
    save(ann, "shortcut", 1);

    struct fann_train_data *data = fann_create_train(6, 2, 1);
    for (unsigned i = 0; i < 6; i++) {
        data->input[i][0] = 10.0f * uniform();
        data->input[i][1] = 3.0f + uniform();
        data->output[i][0] = 50.0f * uniform();
    }
    ann = fann_create_standard(3, 2, 3, 1);
    fann_set_scaling_params(ann, data, -1.0f, 1.0f, -0.5f, 0.75f);
    save(ann, "scaled", 1);

    for (unsigned i = 0; i < 6; i++) data->output[i][0] /= 50.0f;
    ann = fann_create_shortcut(2, 2, 1);
    fann_set_activation_function_output(ann, FANN_SIGMOID_SYMMETRIC);
    fann_cascadetrain_on_data(ann, data, 6, 0, 0.0001f);
    save(ann, "cascade", 0);
    fann_destroy_train(data);
    return 0;
}

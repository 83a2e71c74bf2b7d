/* Makes the files in tests/data/fann with the installed libfann: networks of
 * every kind as fann_save writes them, and beside each what fann_run gives for
 * some inputs. With a file as argument: loads it and prints what it gives for
 * the inputs on standard input, or fails. With --any N SEED: makes N networks of
 * random kinds, 0.net and so on. tests/peers/fann-files runs it. */
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
        float x[256];
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

static unsigned below(unsigned limit) {
    return (unsigned)((double)(uniform() + 1.0f) * 0.5 * limit) % limit;
}

/* Any network that libfann can make, with random layers, functions and
 * steepnesses, trained or not, scaled or not. */
static struct fann *any(void) {
    unsigned sizes[5], layers = 2 + below(4), kind = below(4);
    for (unsigned i = 0; i < layers; i++) sizes[i] = 1 + below(i == 0 && below(4) == 0 ? 200 : 9);
    struct fann *ann = kind == 0   ? fann_create_sparse_array(0.2f + 0.3f * (uniform() + 1.0f), layers, sizes)
                       : kind == 1 ? fann_create_shortcut_array(layers, sizes)
                                   : fann_create_standard_array(layers, sizes);
    float wide = below(3) == 0 ? 20.0f : 1.0f;
    fann_randomize_weights(ann, -wide, wide);
    int single = (int)below(3);
    for (unsigned layer = 1; layer < layers; layer++) {
        enum fann_activationfunc_enum function = FANN_SIGMOID_SYMMETRIC;
        for (unsigned unit = 0; unit < sizes[layer]; unit++) {
            if (unit == 0 || single == 0) {
                do {
                    function = (enum fann_activationfunc_enum)below(18);
                } while (function == FANN_GAUSSIAN_STEPWISE);
            }
            fann_set_activation_function(ann, function, (int)layer, (int)unit);
            if (single != 1)
                fann_set_activation_steepness(ann, 0.05f + 0.5f * (uniform() + 1.0f), (int)layer, (int)unit);
        }
    }
    struct fann_train_data *data = fann_create_train(12, sizes[0], sizes[layers - 1]);
    for (unsigned i = 0; i < 12; i++) {
        for (unsigned j = 0; j < sizes[0]; j++) data->input[i][j] = 3.0f * uniform() + (float)j;
        for (unsigned j = 0; j < sizes[layers - 1]; j++) data->output[i][j] = 40.0f * uniform();
        if (sizes[0] > 2) data->input[i][1] = 5.0f; /* columns may be all the same */
    }
    switch (below(4)) {
    case 0: fann_set_scaling_params(ann, data, -1.0f, 1.0f, 0.0f, 1.0f); break;
    case 1: fann_set_output_scaling_params(ann, data, -1.0f, 0.5f); break;
    case 2:
        fann_scale_output_train_data(data, 0.1f, 0.9f);
        if (kind == 1 && layers == 2) {
            fann_cascadetrain_on_data(ann, data, 1 + below(6), 0, 0.0001f);
        } else {
            fann_set_training_algorithm(ann, (enum fann_train_enum)below(5));
            fann_train_epoch(ann, data);
        }
        break;
    default: break;
    }
    fann_destroy_train(data);
    return ann;
}

int main(int argc, char **argv) {
    if (argc == 4 && strcmp(argv[1], "--any") == 0) {
        fann_set_error_log(NULL, NULL); /* it complains of functions without a slope */
        state = (unsigned)atoi(argv[3]);
        srand(state);
        for (int i = 0; i < atoi(argv[2]); i++) {
            char name[32];
            snprintf(name, sizeof name, "%d", i);
            save(any(), name, 0);
        }
        return 0;
    }
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

    for (unsigned i = 0; i < 6; i++) {
        data->input[i][1] = 7.0f;
        data->output[i][0] = 0.25f;
    }
    ann = fann_create_standard(3, 2, 3, 1);
    fann_set_scaling_params(ann, data, -1.0f, 1.0f, 0.0f, 1.0f);
    save(ann, "constant", 1);
    fann_destroy_train(data);
    return 0;
}

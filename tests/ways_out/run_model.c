/* Runs MODEL.onnx on a float tensor from a raw file with ONNX Runtime's C API: no Python, no zif.
   run_model LIBONNXRUNTIME PROVIDER_LIBRARY BACKEND MODEL INPUT.raw OUTPUT.raw DIM...
   Functions of OrtApi are taken by their place in the table, which its version never changes (onnxruntime_c_api.h). */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { /* places in OrtApi, counted from its first function */
    MESSAGE = 2, CREATE_ENV = 3, CREATE_SESSION = 7, RUN = 9, CREATE_OPTIONS = 10, INPUT_NAME = 36, OUTPUT_NAME = 37,
    TENSOR = 49, DATA = 51, ELEMENTS = 64, SHAPE = 65, CPU_MEMORY = 69, ALLOCATOR = 78, CONFIG = 130, REGISTER = 301,
    GET_DEVICES = 303, APPEND = 304, DEVICE_NAME = 312, API_VERSION = 23, FLOAT = 1, WARNING = 2
};
typedef struct { const void *(*get_api)(uint32_t); const char *(*version)(void); } Base;
typedef void *(*Fn)();
static Fn const *api;
static void check(void *status, const char *what) {
    if (!status) return;
    fprintf(stderr, "%s: %s\n", what, (const char *)api[MESSAGE](status));
    exit(1);
}

int main(int argc, char **argv) {
    if (argc < 8) return 2;
    void *library = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL);
    if (!library) { fprintf(stderr, "%s\n", dlerror()); return 1; }
    const Base *base = ((const Base *(*)(void))dlsym(library, "OrtGetApiBase"))();
    api = base->get_api(API_VERSION);
    void *env, *options, *session, *memory, *in, *out = NULL, *allocator;
    char *in_name, *out_name;
    check(api[CREATE_ENV](WARNING, "c", &env), "CreateEnv");
    check(api[REGISTER](env, "QNNExecutionProvider", argv[2]), "RegisterExecutionProviderLibrary");
    check(api[CREATE_OPTIONS](&options), "CreateSessionOptions");
    const void *const *devices; size_t count, found = 0;
    check(api[GET_DEVICES](env, &devices, &count), "GetEpDevices");
    while (found < count && strcmp((const char *)api[DEVICE_NAME](devices[found]), "QNNExecutionProvider")) found++;
    if (found == count) { fprintf(stderr, "no device of QNN\n"); return 1; }
    const char *keys[] = {"backend_path"}, *values[] = {argv[3]};
    check(api[APPEND](options, env, &devices[found], (size_t)1, keys, values, (size_t)1), "AppendExecutionProvider_V2");
    if (getenv("NPU_ALONE"))
        check(api[CONFIG](options, "session.disable_cpu_ep_fallback", "1"), "AddSessionConfigEntry");
    check(api[CREATE_SESSION](env, argv[4], options, &session), "CreateSession");
    check(api[ALLOCATOR](&allocator), "GetAllocatorWithDefaultOptions");
    check(api[INPUT_NAME](session, (size_t)0, allocator, &in_name), "SessionGetInputName");
    check(api[OUTPUT_NAME](session, (size_t)0, allocator, &out_name), "SessionGetOutputName");
    int64_t dims[8]; size_t rank = 0, size = 1;
    for (int i = 7; i < argc && rank < 8; i++) size *= (size_t)(dims[rank++] = atoll(argv[i]));
    float *data = malloc(size * sizeof *data), *result;
    FILE *file = fopen(argv[5], "rb");
    if (!file || fread(data, sizeof *data, size, file) != size) return 1;
    fclose(file);
    check(api[CPU_MEMORY](0, 0, &memory), "CreateCpuMemoryInfo");
    check(api[TENSOR](memory, data, size * sizeof *data, dims, rank, FLOAT, &in), "CreateTensorWithDataAsOrtValue");
    check(api[RUN](session, NULL, &in_name, &in, (size_t)1, &out_name, (size_t)1, &out), "Run");
    void *shape; size_t many;
    check(api[SHAPE](out, &shape), "GetTensorTypeAndShape");
    check(api[ELEMENTS](shape, &many), "GetTensorShapeElementCount");
    check(api[DATA](out, (void **)&result), "GetTensorMutableData");
    file = fopen(argv[6], "wb");
    if (!file || fwrite(result, sizeof *result, many, file) != many || fclose(file)) return 1;
    printf("%s %zu\n", base->version(), many);
    return 0;
}

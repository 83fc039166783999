// Tells what llama.cpp knows of a context and has no C function for.

#include "llama-context.h"
#include "llama-ext.h"

#include "ggml-backend.h"

extern "C" {

// How many bytes of a device's own memory the context takes, the weights of its model among them.
int64_t funland_device_bytes(const llama_context *context, ggml_backend_dev_t device) {
    int64_t bytes = 0;
    for (const auto &[type, taken] : llama_get_memory_breakdown(context)) {
        if (!ggml_backend_buft_is_host(type) && ggml_backend_buft_get_device(type) == device) {
            bytes += static_cast<int64_t>(taken.total());
        }
    }
    return bytes;
}

// Whether it computes attention in one pass, after it has found out what its devices can do.
bool funland_flash_attention(const llama_context *context) {
    return context->get_cparams().flash_attn;
}

}

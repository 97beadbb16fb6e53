// Loads an addon as Node does, where no Node can be had: the loader finds every library and every
// symbol (those of Node-API are stubs), initializes it, and gives its entry points.

#include <dlfcn.h>

#include <cstdint>
#include <cstdio>

int main(int count, char** arguments) {
  if (count != 2) return 2;
  void* addon = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
  if (addon == nullptr) {
    std::fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  void* start = dlsym(addon, "napi_register_module_v1");
  void* version = dlsym(addon, "node_api_module_get_api_version_v1");
  if (start == nullptr || version == nullptr) {
    std::fprintf(stderr, "not an addon: %s\n", dlerror());
    return 1;
  }
  std::printf("Node-API %d\n", reinterpret_cast<std::int32_t (*)()>(version)());
  return 0;
}

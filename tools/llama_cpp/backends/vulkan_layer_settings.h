// What Vulkan's headers before 1.3.272 (Debian 12 has 1.3.239) lack of VK_EXT_layer_settings.
//
// llama.cpp declares such settings and uses them only in a build that validates its calls (GGML_VULKAN_VALIDATE).
// In any other they stand behind VkInstanceCreateInfo as a structure that no driver looks for.

#pragma once

#include <vulkan/vulkan_core.h>

#ifndef VK_EXT_layer_settings

#include <cstdint>
#include <vector>

namespace vk {

enum class LayerSettingTypeEXT { eBool32 = 0 };

struct LayerSettingEXT {
    const char *layer;
    const char *setting;
    LayerSettingTypeEXT type;
    uint32_t count;
    const void *values;
};

struct LayerSettingsCreateInfoEXT {
    VkStructureType type = static_cast<VkStructureType>(1000496000);
    const void *next = nullptr;
    uint32_t count;
    const LayerSettingEXT *settings;

    explicit LayerSettingsCreateInfoEXT(const std::vector<LayerSettingEXT> &all)
        : count(static_cast<uint32_t>(all.size())), settings(all.data()) {}
};

}  // namespace vk

#endif

// Stands for llama.cpp's own library where modules are linked: the wheel has it.

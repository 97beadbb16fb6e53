# The core's objects, one set for each kind of build. The tests, the simulator and the addon under the sanitizers all
# link them, so that a kind is compiled once.
#
#   KIND=plain      optimised as what ships
#   KIND=sanitize   under AddressSanitizer and UndefinedBehaviorSanitizer
#   KIND=threads    under ThreadSanitizer
#
# All of them are run in this folder, so that make knows an object and what it depends on by the same names.

ROOT := ../..

KIND ?= plain
OUT ?= $(ROOT)/out/native
DIR := $(OUT)/$(KIND)

OPTIONS_plain := -O2
OPTIONS_sanitize := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
OPTIONS_threads := -O1 -fsanitize=thread
OPTIONS := $(OPTIONS_$(KIND))

# -g1 has the lines that a stack trace shows; all of -g takes g++ twice as long under the sanitizers.
# -fPIC is for the addon, which is a shared object.
FLAGS := -std=c++20 -fno-exceptions -fno-rtti -g1 -fPIC -Wall -Wextra -Wconversion -Wshadow -Werror \
  -I$(ROOT)/native/core -pthread -MMD -MP $(OPTIONS)

CORE := $(patsubst $(ROOT)/native/core/%.cc,$(DIR)/core/%.o,\
  $(shell find $(ROOT)/native/core -name '*.cc' | sort))

# Without this, `make` alone would make the first file below.
.DEFAULT_GOAL := build

$(DIR)/core/%.o: $(ROOT)/native/core/%.cc core.mk
	@mkdir -p $(@D)
	$(CXX) $(FLAGS) -c $< -o $@

-include $(CORE:.o=.d)

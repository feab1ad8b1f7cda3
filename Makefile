# A menu.  The build is meson's; what each target does stands in tools/.
# BUILD=FOLDER builds there, and beside it in FOLDER-asan and so on.
BUILD ?= build
PREFIX ?= /usr/local
export BUILD

.PHONY: all packages demo check crash soak bench fuzz lint format install clean

all: $(BUILD)/build.ninja
	ninja -C $(BUILD)

packages:
	@tools/install-packages

$(BUILD)/build.ninja: | packages
	meson setup $(BUILD) --prefix=$(PREFIX)

demo: packages          # the main job, end to end; REPO= TEST= ASK=1 MODEL= KEEP=1
	@tools/demo

check: packages         # every test; SUITE=unit FILTER=word LIST=1
	@tools/check

crash: packages         # kill every part at named points and 200 random moments
	@tools/crash

soak: packages          # the long versions
	@SOAK=1 tools/check

bench: packages         # figures beside their peers; bench-NAME for one
	@tools/bench

bench-%: packages
	@tools/bench $*

fuzz: packages          # FUZZ=target SECONDS=30
	@tools/fuzz

lint: packages          # every house rule, clang-tidy included
	@tools/lint

format:
	@git ls-files -z '*.c' '*.h' | xargs -0 clang-format -i

install: all
	meson install -C $(BUILD)

clean:
	rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-lint $(BUILD)-fuzz $(BUILD)-bench

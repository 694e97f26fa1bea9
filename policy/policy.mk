# The policy engine: library, tool, tests.  Included by the top Makefile.

POLICY          := policy
POLICY_OUT      := $(BUILD)/policy
POLICY_CFLAGS   := -std=c11 $(WARN) $(CFLAGS) $(SANFLAGS) -I$(POLICY)
POLICY_SRCS     := $(wildcard $(POLICY)/*.c)
POLICY_OBJS     := $(POLICY_SRCS:$(POLICY)/%.c=$(POLICY_OUT)/%.o)
POLICY_HDRS     := $(wildcard $(POLICY)/*.h)
POLICY_CLI      := $(wildcard $(POLICY)/cli/*.c)
POLICY_CLI_OBJS := $(POLICY_CLI:$(POLICY)/%.c=$(POLICY_OUT)/%.o)

$(POLICY_OUT)/%.o: $(POLICY)/%.c $(POLICY_HDRS) \
                   $(wildcard $(POLICY)/cli/*.h $(POLICY)/test/*.h)
	@mkdir -p $(@D)
	@$(CC) $(POLICY_CFLAGS) -c -o $@ $<

$(BUILD)/libpolicy.a: $(POLICY_OBJS)
	@rm -f $@
	@ar rcs $@ $^

$(BUILD)/tenant-policy: $(POLICY_CLI_OBJS) $(BUILD)/libpolicy.a
	@$(CC) $(POLICY_CFLAGS) -o $@ $^

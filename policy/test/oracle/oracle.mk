# Comparison with the reference implementation; needs Node 18.19 or newer.
#
#   make oracle         100,000 authorization cases, some minutes
#   make oracle-check   a fixed small share of them, and the oracle itself
#   make oracle-validate   20,000 schemas with policies
#   make oracle-bench   the reference's time for a decision

ORACLE       := policy/test/oracle
ORACLE_READY := $(ORACLE)/node_modules/.package-lock.json
ORACLE_CASES ?= 100000
ORACLE_SEED  ?= 1
NODE         ?= node
NPM          ?= npm

ORACLE_VALIDATE_CASES ?= 20000

.PHONY: oracle oracle-check oracle-validate oracle-bench

$(ORACLE_READY): $(ORACLE)/package-lock.json
	cd $(ORACLE) && $(NPM) ci --no-audit --no-fund
	touch $@

oracle: $(BUILD)/tenant-policy $(ORACLE_READY)
	$(NODE) $(ORACLE)/compare.mjs --tool $(abspath $(BUILD))/tenant-policy \
	    --cases $(ORACLE_CASES) --seed $(ORACLE_SEED) \
	    --out $(abspath $(BUILD))/oracle

oracle-check: $(BUILD)/tenant-policy $(ORACLE_READY)
	$(NODE) $(ORACLE)/self_test.mjs
	$(NODE) $(ORACLE)/compare.mjs --tool $(abspath $(BUILD))/tenant-policy \
	    --cases 5000 --seed 1
	$(NODE) $(ORACLE)/bytes.mjs --tool $(abspath $(BUILD))/tenant-policy
	$(NODE) $(ORACLE)/validate.mjs --tool $(abspath $(BUILD))/tenant-policy \
	    --cases 2000 --seed 1

oracle-validate: $(BUILD)/tenant-policy $(ORACLE_READY)
	$(NODE) $(ORACLE)/validate.mjs --tool $(abspath $(BUILD))/tenant-policy \
	    --cases $(ORACLE_VALIDATE_CASES) --seed $(ORACLE_SEED)

oracle-bench: $(ORACLE_READY)
	$(NODE) $(ORACLE)/bench.mjs

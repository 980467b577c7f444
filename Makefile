# One place for every command; CI runs `make test` and nothing else.

CARGO ?= cargo

.PHONY: run demo test tools unit real mutants fuzz soak bench deb site lint fmt deny man clean

run: ## the daemon, with ./gatepost.toml
	$(CARGO) run --release -- run

demo: ## the try-out, without a tenant
	$(CARGO) run --release -- demo

test: export GATEPOST_TEST_TOOLS = 1
test: ## everything that CI runs; what the tests drive is installed while the linters compile
	$(MAKE) --no-print-directory --jobs=2 lint tools
	$(MAKE) --no-print-directory unit real

lint: ## format, clippy with denied lints, licences and bans
	$(CARGO) fmt --check
	$(CARGO) clippy --quiet --all-targets -- -D warnings
	@if command -v cargo-deny >/dev/null; then $(CARGO) deny --log-level error check licenses bans sources; \
	else echo "hint: cargo-deny is not installed, licences and bans were not checked (cargo install cargo-deny)"; fi

unit: ## unit, property and dialogue tests; needs no network and nothing installed
	$(CARGO) test --quiet

tools: ## what the tests drive: mail servers, mail programs, a browser; installs what is missing (Debian, root)
	bash tests/real/install.sh

real: tools ## real Dovecot, Postfix, OAuth server, mail programs and browser
	$(CARGO) build --quiet
	python3 tests/real/run.py

soak: ## silent and slow clients, guessing, churn, token storms, kill -9, bursts, garbage, held against bars; SOAK="--quick" takes two minutes
	$(CARGO) build --release --quiet
	python3 tests/soak/run.py $(SOAK)
	python3 docs/tables.py

deb: ## target/debian/gatepost_*.deb: program, units, man page, completions, configuration. DEB="--profile dev --deb-version 1-1"
	@command -v cargo-deb >/dev/null || { echo "hint: cargo install --locked cargo-deb@3.8.0"; exit 1; }
	sh packaging/deb.sh $(DEB)

site: ## the guides as a site, English and Japanese: target/site/index.html. SITE=FOLDER puts it elsewhere
	@python3 packaging/site.py $(SITE)

fuzz: ## a minute over all fuzzers; FUZZ="--seconds 3600" for an hour
	python3 fuzz/run.py $(FUZZ)

bench: ## Gatepost beside other relays, with the targets; installs what is missing (Debian, root). BENCH="--only login"
	bash benches/install.sh
	$(CARGO) bench --quiet --bench relay -- $(BENCH)
	python3 docs/tables.py

mutants: ## do the tests notice a change in the parsers, the passwords, the tokens? MUTANTS="wire --every 1"
	python3 tests/mutants/run.py $(MUTANTS)

fmt:
	$(CARGO) fmt

clean:
	$(CARGO) clean

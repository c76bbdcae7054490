# The wheel and the Crossplane packages.
.PHONY: wheel package-configuration package-function

# Build the wheel into dist/.
wheel: $(venv_stamp)
	@$(venv_python) -m hatchling build --target wheel --directory dist

# Build the packages of the API.
package-configuration: .tools/bin/crossplane
	@mkdir -p dist
	@for file in apis/*/crossplane.yaml; do \
		api=$$(basename "$$(dirname "$$file")"); \
		package=configuration; \
		[ "$$api" = cluster ] || package=configuration-$$api; \
		.tools/bin/crossplane xpkg build --package-root "apis/$$api" \
			--package-file "dist/$$package.xpkg" || exit 1; \
		echo "package: dist/$$package.xpkg"; \
	done

# Build the package of the function: IMAGE_TARBALL=image.tar.
package-function: .tools/bin/crossplane
	@if [ ! -f '$(IMAGE_TARBALL)' ]; then \
		echo 'package: the function needs its image: build the Dockerfile, docker save it to a file,' >&2; \
		echo 'package: and give that by IMAGE_TARBALL=image.tar' >&2; \
		exit 1; \
	fi
	@mkdir -p dist
	@.tools/bin/crossplane xpkg build --package-root package \
		--embed-runtime-image-tarball '$(IMAGE_TARBALL)' --package-file dist/function.xpkg
	@echo 'package: dist/function.xpkg'

# .NET Core, from the runtime that a Python package carries.
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
exec "$CLIENTS/built/dotnet/dotnetcore2/bin/dotnet" "$CLIENTS/built/smtpclient.dll"

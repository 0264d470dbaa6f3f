module stdio-go-example

go 1.21
